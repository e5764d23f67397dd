/* page.c: the data inside the HTML page. Its numbers are packed, so that a page of 5,000 tokens and
 * 50 targets stays below 20 MB; page.js sums them over words and sentences, with the errors of
 * those sums that cannot be worked out from the tokens' own given here. */
#include <string.h>

#include "report/level.h"
#include "report/report.h"

static void key_packed(heta_i_writer *w, const char *key, const double *values, size_t count) {
  heta_i_json_key(w, key);
  if (values)
    heta_i_json_packed(w, values, count);
  else
    heta_i_json_null(w);
}

/* Which of the row's tokens have how many probes: one number when all have as many. */
static void probes(heta_i_writer *w, const heta_row *row) {
  bool same = true;
  for (size_t i = 1; row->probes && i < row->length; i++)
    same = same && row->probes[i] == row->probes[0];
  heta_i_json_key(w, "probes");
  if (!row->probes || !row->length) {
    heta_i_json_count(w, 0);
  } else if (same) {
    heta_i_json_count(w, row->probes[0]);
  } else {
    heta_i_json_open(w, '[');
    for (size_t i = 0; i < row->length; i++) heta_i_json_count(w, row->probes[i]);
    heta_i_json_close(w, ']');
  }
}

/* Degrees of freedom, in the same way: one number, or packed. */
static void freedom(heta_i_writer *w, const heta_row *row) {
  bool same = true;
  for (size_t i = 1; row->score_df && i < row->length; i++)
    same = same && row->score_df[i] == row->score_df[0];
  if (row->score_df && row->length && same) {
    heta_i_json_key(w, "score_df");
    heta_i_json_real(w, row->score_df[0]);
  } else {
    key_packed(w, "score_df", row->score_df, row->length);
  }
}

static void one_row(heta_i_writer *w, const heta_attribution *a, const heta_row *row) {
  heta_i_json_open(w, '{');
  heta_i_key_target(w, row);
  heta_i_key_bool(w, "pending", row->status == HETA_ROW_PENDING);
  key_packed(w, "score", row->score, row->length);
  key_packed(w, "score_se", row->score_se, row->length);
  key_packed(w, "signed_score", row->signed_score, row->length);
  heta_i_key_open(w, "components", '{');
  for (size_t c = 0; c < a->component_count; c++)
    key_packed(w, a->components[c].name, row->components[c], row->length);
  heta_i_json_close(w, '}');
  heta_i_key_open(w, "se", '{');
  for (size_t c = 0; c < a->component_count; c++)
    if (row->component_se && row->component_se[c])
      key_packed(w, a->components[c].name, row->component_se[c], row->length);
  heta_i_json_close(w, '}');
  probes(w, row);
  freedom(w, row);
  heta_i_json_close(w, '}');
}

static void units(heta_i_writer *w, const heta_attribution *a, const heta_i_units *list) {
  heta_i_key_open(w, "units", '[');
  for (size_t i = 0; i < list->count; i++) {
    const heta_i_unit *unit = &list->units[i];
    size_t size;
    const char *text = heta_i_unit_text(a, unit, &size);
    heta_i_json_open(w, '[');
    heta_i_json_count(w, unit->first);
    heta_i_json_count(w, unit->last);
    heta_i_json_bytes(w, text, size);
    heta_i_json_close(w, ']');
  }
  heta_i_json_close(w, ']');
}

static bool moves_jointly(const heta_attribution *a) {
  for (size_t c = 0; c < a->component_count; c++)
    if (heta_i_moves_jointly(&a->components[c])) return true;
  return false;
}

/* The errors of a level's sums, row by row: of the score, and of each component. */
static void errors(heta_i_writer *w, const heta_attribution *a, const heta_rollup *rollup) {
  heta_i_key_open(w, "errors", '[');
  for (size_t i = 0; i < rollup->row_count; i++) {
    const heta_row *row = &rollup->rows[i];
    heta_i_json_open(w, '{');
    if (row->score_se) key_packed(w, "score", row->score_se, row->length);
    for (size_t c = 0; c < a->component_count; c++)
      if (row->component_se && row->component_se[c])
        key_packed(w, a->components[c].name, row->component_se[c], row->length);
    heta_i_json_close(w, '}');
  }
  heta_i_json_close(w, ']');
}

/* What messages and documents are called; "" for what is named by its text. */
static void unit_names(heta_i_writer *w, const heta_attribution *a, const heta_rollup *rollup) {
  heta_i_key_open(w, "names", '[');
  for (size_t i = 0; i < rollup->unit_count; i++) {
    heta_i_unit_name name = heta_i_rollup_name(a, rollup, i);
    heta_i_json_string(w, name.text);
  }
  heta_i_json_close(w, ']');
}

/* "word": {"ends": [token after each unit], "names": of messages and documents,
 * "errors": only where tokens' errors do not add up}. */
static heta_status levels(heta_i_writer *w, const heta_attribution *a, heta_error *error) {
  bool jointly = moves_jointly(a);
  heta_i_key_open(w, "levels", '{');
  for (int level = HETA_LEVEL_WORD; level <= HETA_LEVEL_DOCUMENT; level++) {
    heta_i_rollup rollup;
    HETA_TRY(heta_i_rollup_open(a, (heta_level)level, &rollup, error));
    heta_i_key_open(w, heta_level_name((heta_level)level), '{');
    heta_i_key_open(w, "ends", '[');
    for (size_t i = 0; i < rollup.shown->unit_count; i++)
      heta_i_json_count(w, rollup.shown->units[i].last);
    heta_i_json_close(w, ']');
    if (level >= HETA_LEVEL_MESSAGE) unit_names(w, a, rollup.shown);
    if (jointly) errors(w, a, rollup.shown);
    heta_i_json_close(w, '}');
    heta_i_rollup_close(&rollup);
  }
  heta_i_json_close(w, '}');
  return HETA_OK;
}

static heta_status view(heta_i_writer *w, const heta_attribution *a,
                        const heta_report_options *options, heta_error *error) {
  heta_i_units list;
  HETA_TRY(heta_i_units_create(a, &list, error));
  heta_i_key_open(w, "view", '{');
  units(w, a, &list);
  heta_i_units_free(&list);
  heta_i_key_open(w, "apart", '[');
  for (size_t i = 0; i < a->token_count; i++)
    if (heta_i_set_apart(a, i)) heta_i_json_count(w, i);
  heta_i_json_close(w, ']');
  HETA_TRY(levels(w, a, error));
  heta_i_key_string(w, "level", heta_level_name(options->level));
  heta_i_key_string(w, "summary", a->method->summary);
  heta_i_key_string(w, "source", a->method->source);
  heta_i_json_close(w, '}');
  return HETA_OK;
}

heta_status heta_i_report_page_data(heta_i_writer *writer, const heta_attribution *attribution,
                                    const heta_report_options *options, heta_error *error) {
  writer->for_page = true;
  writer->comma = false;
  heta_i_json_open(writer, '{');
  heta_i_report_page_facts(writer, attribution, options);
  heta_i_key_open(writer, "rows", '[');
  for (size_t i = 0; i < attribution->row_count; i++)
    one_row(writer, attribution, &attribution->rows[i]);
  heta_i_json_close(writer, ']');
  HETA_TRY(view(writer, attribution, options, error));
  heta_i_json_close(writer, '}');
  writer->for_page = false;
  return HETA_OK;
}
