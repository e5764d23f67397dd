/* html.c: the report as one page that needs nothing but itself: page.html with the title and the
 * data put in. The build turns page.html into heta_i_report_page (embed.cmake). */
#include <string.h>

#include "report/report.h"

static void put_escaped(heta_i_writer *w, const char *text) {
  for (; *text; text++) {
    switch (*text) {
    case '&': heta_i_puts(w, "&amp;"); break;
    case '<': heta_i_puts(w, "&lt;"); break;
    case '>': heta_i_puts(w, "&gt;"); break;
    case '"': heta_i_puts(w, "&quot;"); break;
    default: heta_i_put(w, text, 1);
    }
  }
}

heta_status heta_i_report_html(heta_i_writer *writer, const heta_attribution *attribution,
                               const heta_report_options *options, heta_error *error) {
  static const char TITLE[] = "@TITLE@", DATA[] = "@DATA@";
  for (const char *at = (const char *)heta_i_report_page; *at;) {
    size_t run = strcspn(at, "@");
    heta_i_put(writer, at, run);
    at += run;
    if (!strncmp(at, TITLE, sizeof TITLE - 1)) {
      put_escaped(writer, options->title ? options->title : "What made the model write this?");
      at += sizeof TITLE - 1;
    } else if (!strncmp(at, DATA, sizeof DATA - 1)) {
      HETA_TRY(heta_i_report_page_data(writer, attribution, options, error));
      at += sizeof DATA - 1;
    } else if (*at) {
      heta_i_put(writer, at++, 1);
    }
  }
  return HETA_OK;
}
