/* report.c: checks an attribution and hands it to the form asked for. */
#include <string.h>

#include "report/report.h"
#include "result/result.h"

heta_report_options heta_report_options_default(void) {
  return (heta_report_options){.struct_size = sizeof(heta_report_options)};
}

heta_status heta_report_write(const heta_attribution *attribution, const char *format,
                              const heta_report_options *options, heta_write_fn write,
                              void *context, heta_error *error) {
  const heta_report_options defaults = heta_report_options_default();
  if (!attribution || !format || !write)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "heta_report_write needs an attribution, a format and a write function");
  if (!options) options = &defaults;
  if (options->struct_size != sizeof *options)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "the report options have size %zu, this library's have %zu: start from "
                       "heta_report_options_default()",
                       options->struct_size, sizeof *options);
  if ((unsigned)options->color > HETA_COLOR_TRUE)
    return heta_i_fail(error, HETA_E_ARGUMENT, "the report option color is %d, not 0, 1 or 2",
                       (int)options->color);
  HETA_TRY(heta_i_result_check(attribution, HETA_E_ARGUMENT, error));

  heta_i_writer writer = {.write = write, .context = context};
  if (!strcmp(format, "json")) {
    heta_i_report_json(&writer, attribution, options);
  } else if (!strcmp(format, "jsonl")) {
    heta_i_report_jsonl(&writer, attribution, options);
  } else if (!strcmp(format, "term") || !strcmp(format, "html")) {
    heta_i_units units;
    heta_status status = HETA_OK;
    HETA_TRY(heta_i_units_create(attribution, &units, error));
    if (!strcmp(format, "term"))
      status = heta_i_report_term(&writer, attribution, options, &units, error);
    else
      heta_i_report_html(&writer, attribution, options, &units);
    heta_i_units_free(&units);
    HETA_TRY(status);
  } else {
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "unknown report format \"%s\": the formats are term, json, jsonl and html",
                       format);
  }
  return heta_i_writer_finish(&writer, error);
}
