/* report.c: checks an attribution and hands it to the form asked for. */
#include <string.h>

#include "base/memory.h"
#include "report/report.h"
#include "result/result.h"

heta_report_options heta_report_options_default(void) {
  return (heta_report_options){.struct_size = sizeof(heta_report_options)};
}

/* What every form is written from. */
typedef struct subject {
  const heta_attribution *a;
  const heta_report_options *options;
  const heta_rollup *rollup;
  heta_i_units units; /* what is drawn in one colour */
  heta_i_headline headline;
} subject;

static heta_status write_json(heta_i_writer *w, const subject *s, heta_error *error) {
  (void)error;
  heta_i_report_json(w, s->a, s->options, s->rollup, &s->headline);
  return HETA_OK;
}

static heta_status write_jsonl(heta_i_writer *w, const subject *s, heta_error *error) {
  (void)error;
  heta_i_report_jsonl(w, s->a, s->options, s->rollup, &s->headline);
  return HETA_OK;
}

static heta_status write_term(heta_i_writer *w, const subject *s, heta_error *error) {
  return heta_i_report_term(w, s->a, s->options, &s->units, s->rollup, &s->headline, error);
}

static heta_status write_html(heta_i_writer *w, const subject *s, heta_error *error) {
  return heta_i_report_html(w, s->a, s->options, error);
}

static heta_status write_csv(heta_i_writer *w, const subject *s, heta_error *error) {
  (void)error;
  heta_i_report_csv(w, s->a, s->rollup);
  return HETA_OK;
}

static heta_status write_svg(heta_i_writer *w, const subject *s, heta_error *error) {
  return heta_i_report_svg(w, s->a, &s->units, s->rollup, error);
}

static heta_status write_npz(heta_i_writer *w, const subject *s, heta_error *error) {
  return heta_i_report_npz(w, s->a, s->rollup, error);
}

static heta_status write_inseq(heta_i_writer *w, const subject *s, heta_error *error) {
  return heta_i_report_inseq(w, s->a, error);
}

static heta_status write_flashtrace(heta_i_writer *w, const subject *s, heta_error *error) {
  return heta_i_report_flashtrace(w, s->a, error);
}

typedef heta_status (*form)(heta_i_writer *w, const subject *s, heta_error *error);
static const struct {
  const char *name;
  form write;
} FORMS[] = {{"term", write_term}, {"json", write_json},   {"jsonl", write_jsonl},
             {"html", write_html}, {"csv", write_csv},     {"svg", write_svg},
             {"npz", write_npz},   {"inseq", write_inseq}, {"flashtrace", write_flashtrace}};

/* The roll-up's units; of tokens, which may be pieces of characters, whole characters. */
static heta_status drawn_units(const heta_attribution *a, const heta_rollup *rollup,
                               heta_i_units *out, heta_error *error) {
  if (rollup->level == HETA_LEVEL_TOKEN) return heta_i_units_create(a, out, error);
  size_t count = rollup->unit_count;
  heta_i_unit *units = heta_i_allocate(count, sizeof *units);
  if (!units) return heta_i_no_memory(error, "the layout of the report", count * sizeof *units);
  for (size_t i = 0; i < count; i++) {
    const heta_unit *unit = &rollup->units[i];
    units[i] = (heta_i_unit){unit->first, unit->last, unit->start, unit->end};
  }
  *out = (heta_i_units){units, count};
  return HETA_OK;
}

static heta_status write_form(form write_it, const heta_attribution *a,
                              const heta_report_options *options, heta_write_fn write,
                              void *context, heta_error *error) {
  heta_i_writer writer = {.write = write, .context = context};
  subject s = {.a = a, .options = options};
  heta_i_rollup rollup;
  heta_status status = HETA_OK;
  HETA_TRY(heta_i_rollup_open(a, options->level, &rollup, error));
  s.rollup = rollup.shown;
  HETA_GO(drawn_units(a, rollup.shown, &s.units, error));
  HETA_GO(heta_i_headline_create(a, &s.headline, error));
  HETA_GO(write_it(&writer, &s, error));
  status = heta_i_writer_finish(&writer, error);
done:
  heta_i_headline_free(&s.headline);
  heta_i_units_free(&s.units);
  heta_i_rollup_close(&rollup);
  return status;
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
  if (!heta_level_name(options->level))
    return heta_i_fail(error, HETA_E_ARGUMENT, "the report option level is %d, not 0 to %d",
                       (int)options->level, (int)HETA_LEVEL_DOCUMENT);
  HETA_TRY(heta_i_result_check(attribution, HETA_E_ARGUMENT, error));

  for (size_t i = 0; i < sizeof FORMS / sizeof *FORMS; i++)
    if (!strcmp(format, FORMS[i].name))
      return write_form(FORMS[i].write, attribution, options, write, context, error);
  return heta_i_fail(error, HETA_E_ARGUMENT,
                     "unknown report format \"%s\": the formats are term, json, jsonl, html, csv, "
                     "svg, npz, inseq and flashtrace",
                     format);
}
