/* csv.c: the report as a table, one line per target and unit, for spreadsheets and data frames.
 * What is not computed is an empty field, what is no character U+FFFD. */
#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "report/report.h"

static void put_text(heta_i_writer *w, const char *bytes, size_t size) {
  heta_i_puts(w, ",\"");
  for (size_t at = 0; at < size;) {
    size_t length = heta_i_utf8_decode(bytes + at, size - at, NULL);
    if (bytes[at] == '"') heta_i_puts(w, "\"");
    heta_i_put(w, length ? bytes + at : "\xef\xbf\xbd", length ? length : 3);
    at += length ? length : 1;
  }
  heta_i_puts(w, "\"");
}

static void put_name(heta_i_writer *w, const char *name) {
  put_text(w, name ? name : "", name ? strlen(name) : 0);
}

/* values: NULL for none at all. */
static void put_value(heta_i_writer *w, const double *values, size_t at) {
  heta_i_puts(w, ",");
  if (values && isfinite(values[at])) heta_i_puts(w, heta_i_number_shortest(values[at]).text);
}

static void put_head(heta_i_writer *w, const heta_attribution *a) {
  heta_i_puts(w, "target,target_position,target_text,status,level,unit,first,last,start,end,kind,"
                 "segment,text,score,score_se,signed_score");
  for (size_t c = 0; c < a->component_count; c++) {
    put_name(w, a->components[c].name);
    if (a->components[c].exact) continue;
    heta_i_puts(w, ",\"");
    heta_i_puts(w, a->components[c].name);
    heta_i_puts(w, "_se\"");
  }
  heta_i_puts(w, ",probes\n");
}

static void put_line(heta_i_writer *w, const heta_attribution *a, const heta_rollup *rollup,
                     const heta_row *row, size_t at) {
  static const char *const STATUS[] = {"pending", "partial", "complete"};
  const heta_target *target = heta_i_row_target(a, row);
  const heta_unit *unit = &rollup->units[at];
  size_t size;
  const char *text = target ? heta_i_target_text(a, target, &size) : heta_i_targets_text(a, &size);
  if (target)
    heta_i_putf(w, "%zu,%zu", row->target, target->position);
  else
    heta_i_putf(w, "all,%zu", row->length);
  put_text(w, text ? text : "", text ? size : 0);
  heta_i_putf(w, ",%s,%s,%zu,%zu,%zu,%zu,%zu,%s", STATUS[row->status],
              heta_level_name(rollup->level), at, unit->first, unit->last, unit->start, unit->end,
              heta_i_kind_name(a->tokens[unit->first].kind));
  put_name(w, a->segments[unit->segment].id);
  text = heta_i_rollup_text(a, unit, &size);
  put_text(w, text, size);
  put_value(w, row->score, at);
  put_value(w, row->score_se, at);
  put_value(w, row->signed_score, at);
  for (size_t c = 0; c < a->component_count; c++) {
    put_value(w, row->components[c], at);
    if (!a->components[c].exact) put_value(w, row->component_se ? row->component_se[c] : NULL, at);
  }
  heta_i_puts(w, ",");
  if (row->probes) heta_i_putf(w, "%lu", (unsigned long)row->probes[at]);
  heta_i_puts(w, "\n");
}

void heta_i_report_csv(heta_i_writer *writer, const heta_attribution *attribution,
                       const heta_rollup *rollup) {
  put_head(writer, attribution);
  for (size_t i = 0; i < rollup->row_count; i++)
    for (size_t at = 0; at < rollup->rows[i].length; at++)
      put_line(writer, attribution, rollup, &rollup->rows[i], at);
}
