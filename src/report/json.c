/* json.c: the result file "heta.attribution/1", whole (json), cut at its rows (jsonl), and as the
 * HTML page carries it. Values go straight to the writer: nothing is built in memory. */
#include <math.h>
#include <string.h>

#include "base/utf8.h"
#include "report/report.h"

static void key_real(heta_i_writer *w, const char *key, double value) {
  heta_i_json_key(w, key);
  heta_i_json_real(w, value);
}

static void reals(heta_i_writer *w, const double *values, size_t count) {
  heta_i_json_open(w, '[');
  for (size_t i = 0; i < count; i++) heta_i_json_real(w, values[i]);
  heta_i_json_close(w, ']');
}

static void key_reals(heta_i_writer *w, const char *key, const double *values, size_t count) {
  heta_i_json_key(w, key);
  if (values)
    reals(w, values, count);
  else
    heta_i_json_null(w);
}

/* Hexadecimal `bytes`, only where a token is not whole characters. */
static void broken_bytes(heta_i_writer *w, const char *bytes, size_t size) {
  if (!bytes || heta_i_utf8_valid(bytes, size) == size) return;
  heta_i_json_key(w, "bytes");
  heta_i_json_hex(w, bytes, size);
}

static void key_text(heta_i_writer *w, const char *bytes, size_t size) {
  heta_i_json_key(w, "text");
  if (bytes)
    heta_i_json_bytes(w, bytes, size);
  else
    heta_i_json_null(w);
}

/* ---- The parts, in the order of the file ---------------------------------------------------- */

static void command(heta_i_writer *w, const heta_attribution *a,
                    const heta_report_options *options) {
  heta_i_key_open(w, "command", '[');
  if (options->command) {
    for (size_t i = 0; i < options->command_count; i++) heta_i_json_string(w, options->command[i]);
  } else if (a->command_words) {
    for (size_t i = 0; i < a->command_count; i++) heta_i_json_string(w, a->command_words[i]);
  } else if (a->command) {
    heta_i_json_string(w, a->command);
  }
  heta_i_json_close(w, ']');
}

static void model(heta_i_writer *w, const heta_model_info *info) {
  heta_i_json_line(w);
  heta_i_key_open(w, "model", '{');
  heta_i_key_string(w, "file", info->file);
  heta_i_key_string(w, "format", info->format);
  heta_i_key_count(w, "bytes", info->bytes);
  heta_i_key_open(w, "fingerprint", '{');
  heta_i_key_string(w, "kind", info->fingerprint_kind);
  heta_i_key_string(w, "value", info->fingerprint);
  heta_i_json_close(w, '}');
  heta_i_key_string(w, "architecture", info->architecture);
  heta_i_key_string(w, "name", info->name);
  heta_i_key_count(w, "parameters", info->parameters);
  heta_i_key_count(w, "layers", info->layers);
  heta_i_key_count(w, "heads", info->heads);
  heta_i_key_count(w, "kv_heads", info->kv_heads);
  heta_i_key_count(w, "width", info->width);
  heta_i_key_count(w, "vocabulary", info->vocabulary);
  heta_i_key_count(w, "context", info->context);
  heta_i_key_open(w, "weight_types", '{');
  for (size_t i = 0; i < info->weight_count; i++)
    heta_i_key_count(w, info->weights[i].type, info->weights[i].count);
  heta_i_json_close(w, '}');
  heta_i_key_open(w, "tokenizer", '{');
  heta_i_key_string(w, "model", info->tokenizer_model);
  heta_i_key_string(w, "pre", info->tokenizer_pre);
  heta_i_key_string(w, "fingerprint", info->tokenizer_fingerprint);
  heta_i_json_close(w, '}');
  heta_i_key_string(w, "chat_template", info->chat_template);
  heta_i_json_close(w, '}');
}

static void input(heta_i_writer *w, const heta_attribution *a) {
  heta_i_json_line(w);
  heta_i_key_open(w, "input", '{');
  key_text(w, a->text, a->text_size);
  heta_i_key_count(w, "prompt_end", a->prompt_end);
  if (a->has_span) {
    heta_i_key_open(w, "span", '{');
    heta_i_key_count(w, "start", a->span_start);
    heta_i_key_count(w, "end", a->span_end);
    key_text(w, a->text + a->span_start, a->span_end - a->span_start);
    heta_i_json_close(w, '}');
  }
  heta_i_json_line(w);
  heta_i_key_open(w, "segments", '[');
  for (size_t i = 0; i < a->segment_count; i++) {
    const heta_segment *segment = &a->segments[i];
    heta_i_json_open(w, '{');
    heta_i_key_string(w, "id", segment->id);
    heta_i_key_count(w, "start", segment->start);
    heta_i_key_count(w, "end", segment->end);
    heta_i_key_string(w, "role", segment->role);
    key_real(w, "message", segment->message ? (double)(segment->message - 1) : NAN);
    heta_i_key_string(w, "name", segment->name);
    heta_i_json_close(w, '}');
  }
  heta_i_json_close(w, ']');
  heta_i_json_line(w);
  heta_i_key_open(w, "tokens", '[');
  for (size_t i = 0; i < a->token_count; i++) {
    const heta_result_token *token = &a->tokens[i];
    size_t size;
    const char *bytes = heta_i_token_text(a, i, &size);
    heta_i_json_line(w);
    heta_i_json_open(w, '{');
    heta_i_key_count(w, "index", i);
    heta_i_json_key(w, "id");
    heta_i_json_real(w, token->id);
    key_text(w, bytes, size);
    heta_i_key_count(w, "start", token->start);
    heta_i_key_count(w, "end", token->end);
    heta_i_key_string(w, "kind", heta_i_kind_name(token->kind));
    heta_i_key_string(w, "segment", a->segments[token->segment].id);
    broken_bytes(w, bytes, size);
    heta_i_json_close(w, '}');
  }
  heta_i_json_close(w, ']');
  heta_i_json_close(w, '}');
}

static void candidate(heta_i_writer *w, const heta_candidate *c) {
  heta_i_json_open(w, '{');
  heta_i_json_key(w, "id");
  heta_i_json_real(w, c->id);
  key_text(w, c->bytes, c->byte_count);
  key_real(w, "logprob", c->logprob);
  broken_bytes(w, c->bytes, c->byte_count);
  heta_i_json_close(w, '}');
}

static void targets(heta_i_writer *w, const heta_attribution *a) {
  heta_i_json_line(w);
  heta_i_key_open(w, "targets", '[');
  for (size_t i = 0; i < a->target_count; i++) {
    const heta_target *target = &a->targets[i];
    size_t size;
    const char *bytes = heta_i_target_text(a, target, &size);
    heta_i_json_line(w);
    heta_i_json_open(w, '{');
    heta_i_key_count(w, "index", i);
    heta_i_key_count(w, "position", target->position);
    heta_i_json_key(w, "id");
    heta_i_json_real(w, target->id);
    key_text(w, bytes, size);
    heta_i_key_string(w, "origin", target->origin);
    key_real(w, "logprob", target->logprob);
    key_real(w, "rank", target->rank ? (double)target->rank : NAN);
    key_real(w, "entropy", target->entropy);
    heta_i_key_open(w, "top", '[');
    for (size_t j = 0; j < target->top_count; j++) candidate(w, &target->top[j]);
    heta_i_json_close(w, ']');
    heta_i_json_key(w, "foil");
    if (target->has_foil)
      candidate(w, &target->foil);
    else
      heta_i_json_null(w);
    broken_bytes(w, bytes, size);
    heta_i_json_close(w, '}');
  }
  heta_i_json_close(w, ']');
}

/* Whether the text is a number in JSON's own spelling. */
static bool is_number(const char *text) {
  const char *at = text + (*text == '-');
  size_t digits = strspn(at, "0123456789");
  if (!digits || (*at == '0' && digits > 1)) return false;
  at += digits;
  if (*at == '.') {
    digits = strspn(++at, "0123456789");
    if (!digits) return false;
    at += digits;
  }
  if (*at == 'e' || *at == 'E') {
    at++;
    at += *at == '+' || *at == '-';
    digits = strspn(at, "0123456789");
    if (!digits) return false;
    at += digits;
  }
  return !*at;
}

/* What was asked: method, options, seed, objective, and which components there are. */
static void question(heta_i_writer *w, const heta_attribution *a) {
  heta_i_key_string(w, "method", a->method->name);
  heta_i_key_open(w, "options", '{');
  for (size_t i = 0; i < a->option_count; i++) {
    const heta_resolved_option *option = &a->options[i];
    bool number = option->type == HETA_OPTION_NUMBER || option->type == HETA_OPTION_INTEGER;
    double value;
    heta_i_json_key(w, option->name);
    if (option->value && number && is_number(option->value) &&
        heta_i_number_read(option->value, &value))
      heta_i_json_real(w, value);
    else if (option->value && option->type == HETA_OPTION_FLAG)
      heta_i_json_bool(w, !strcmp(option->value, "yes"));
    else
      heta_i_json_string(w, option->value);
  }
  heta_i_json_close(w, '}');
  heta_i_json_key(w, "seed"); /* beyond 2^53 many readers would round a number */
  if (a->seed <= UINT64_C(1) << 53) {
    heta_i_json_count(w, a->seed);
  } else {
    char digits[24];
    char *first = digits + sizeof digits;
    uint64_t rest = a->seed;
    *--first = 0;
    for (; rest; rest /= 10) *--first = (char)('0' + rest % 10);
    heta_i_json_string(w, first);
  }
  heta_i_key_string(w, "objective", a->objective);
  heta_i_json_key(w, "signed");
  heta_i_json_bool(w, a->is_signed);
  heta_i_key_open(w, "components", '{');
  for (size_t i = 0; i < a->component_count; i++) {
    const heta_component_info *component = &a->components[i];
    heta_i_key_open(w, component->name, '{');
    heta_i_key_string(w, "unit", component->unit);
    heta_i_json_key(w, "exact");
    heta_i_json_bool(w, component->exact);
    if (!component->exact && component->estimator)
      heta_i_key_string(w, "estimator", component->estimator);
    heta_i_json_close(w, '}');
  }
  heta_i_json_close(w, '}');
}

void heta_i_key_target(heta_i_writer *w, const heta_row *row) {
  if (row->target == HETA_ALL_TARGETS)
    heta_i_key_string(w, "target", "all");
  else
    heta_i_key_count(w, "target", row->target);
}

/* The keys that rows of tokens and of roll-ups have. */
static void value_keys(heta_i_writer *w, const heta_attribution *a, const heta_row *row) {
  static const char *const STATUS[] = {"pending", "partial", "complete"};
  heta_i_key_target(w, row);
  heta_i_key_string(w, "status", STATUS[row->status]);
  key_reals(w, "score", row->score, row->length);
  key_reals(w, "score_se", row->score_se, row->length);
  key_reals(w, "score_df", row->score_df, row->length);
  key_reals(w, "signed_score", row->signed_score, row->length);
  heta_i_key_open(w, "components", '{');
  for (size_t i = 0; i < a->component_count; i++)
    key_reals(w, a->components[i].name, row->components[i], row->length);
  heta_i_json_close(w, '}');
  heta_i_key_open(w, "se", '{');
  for (size_t i = 0; i < a->component_count; i++)
    if (row->component_se && row->component_se[i])
      key_reals(w, a->components[i].name, row->component_se[i], row->length);
  heta_i_json_close(w, '}');
}

/* The keys of one row. An exact row has 0 probes behind each value and no ties. */
static void row_keys(heta_i_writer *w, const heta_attribution *a, const heta_row *row) {
  value_keys(w, a, row);
  heta_i_key_open(w, "probes", '[');
  for (size_t i = 0; i < row->length; i++) heta_i_json_count(w, row->probes ? row->probes[i] : 0);
  heta_i_json_close(w, ']');
  heta_i_key_open(w, "tied_with_next", '[');
  for (size_t i = 0; i < row->length; i++)
    heta_i_json_bool(w, row->tied_with_next && row->tied_with_next[i]);
  heta_i_json_close(w, ']');
}

static void rollup_keys(heta_i_writer *w, const heta_attribution *a, const heta_rollup *rollup) {
  heta_i_key_string(w, "level", heta_level_name(rollup->level));
  heta_i_key_string(w, "rule", "sum");
  heta_i_key_open(w, "units", '[');
  for (size_t i = 0; i < rollup->unit_count; i++) {
    const heta_unit *unit = &rollup->units[i];
    size_t size;
    const char *text = heta_i_rollup_text(a, unit, &size);
    heta_i_json_line(w);
    heta_i_json_open(w, '{');
    key_text(w, text, size);
    heta_i_key_count(w, "start", unit->start);
    heta_i_key_count(w, "end", unit->end);
    heta_i_key_count(w, "first", unit->first);
    heta_i_key_count(w, "last", unit->last);
    heta_i_key_string(w, "segment", a->segments[unit->segment].id);
    heta_i_json_close(w, '}');
  }
  heta_i_json_close(w, ']');
  heta_i_json_line(w);
  heta_i_key_open(w, "rows", '[');
  for (size_t i = 0; i < rollup->row_count; i++) {
    heta_i_json_line(w);
    heta_i_json_open(w, '{');
    value_keys(w, a, &rollup->rows[i]);
    heta_i_json_close(w, '}');
  }
  heta_i_json_close(w, ']');
}

/* Calls `put` for the result's own roll-ups and for the one that was asked for. */
static void each_rollup(heta_i_writer *w, const heta_attribution *a, const heta_rollup *asked,
                        void (*put)(heta_i_writer *, const heta_attribution *,
                                    const heta_rollup *)) {
  bool there = !asked || asked->level == HETA_LEVEL_TOKEN;
  for (size_t i = 0; i < a->rollup_count; i++) {
    put(w, a, &a->rollups[i]);
    there = there || &a->rollups[i] == asked;
  }
  if (!there) put(w, a, asked);
}

static void one_series(heta_i_writer *w, const heta_series *series) {
  heta_i_json_line(w);
  heta_i_json_open(w, '{');
  heta_i_key_string(w, "name", series->name);
  heta_i_key_count(w, "targets", series->targets);
  heta_i_key_count(w, "tokens", series->tokens);
  heta_i_key_count(w, "samples", series->samples);
  key_reals(w, "values", series->values, series->targets * series->tokens * series->samples);
  heta_i_json_close(w, '}');
}

/* Of a complete result, the samples without which sums have no error. */
static void samples(heta_i_writer *w, const heta_attribution *a) {
  bool open = false;
  for (size_t i = 0; a->complete && i < a->component_count; i++) {
    if (!heta_i_moves_jointly(&a->components[i])) continue;
    const heta_series *series = heta_i_samples_of(a, a->components[i].name);
    if (!series) continue;
    if (!open) heta_i_key_open(w, "samples", '[');
    open = true;
    one_series(w, series);
  }
  if (open) heta_i_json_close(w, ']');
}

static void put_headline(heta_i_writer *w, const heta_attribution *a,
                         const heta_i_headline *headline) {
  if (!headline->length) return;
  heta_i_key_open(w, "headline", '{');
  heta_i_key_string(w, "rule", "mean of sum-normalised rows");
  heta_i_key_count(w, "targets", a->row_count);
  key_reals(w, "score", headline->score, headline->length);
  key_reals(w, "score_se", headline->score_se, headline->length);
  heta_i_json_close(w, '}');
}

static void windows(heta_i_writer *w, const heta_windows *windows) {
  if (!windows) {
    heta_i_json_key(w, "windows");
    heta_i_json_null(w);
    return;
  }
  heta_i_key_open(w, "windows", '{');
  heta_i_key_string(w, "mode", windows->mode);
  heta_i_key_count(w, "size", windows->size);
  heta_i_key_count(w, "stride", windows->stride);
  key_real(w, "anchor", windows->anchor ? (double)windows->anchor : NAN);
  key_real(w, "leakage", windows->leakage);
  if (windows->remark) heta_i_key_string(w, "remark", windows->remark);
  heta_i_json_close(w, '}');
}

/* What the work was and whether it can be trusted. */
static void account(heta_i_writer *w, const heta_attribution *a) {
  windows(w, a->windows);
  heta_i_key_open(w, "cost", '{');
  heta_i_key_count(w, "forwards", a->cost_forwards);
  heta_i_key_count(w, "reverses", a->cost_reverses);
  heta_i_key_count(w, "hvps", a->cost_hvps);
  key_real(w, "flop", a->cost_flop);
  heta_i_json_close(w, '}');
  heta_i_key_open(w, "checks", '{');
  for (size_t i = 0; i < a->check_count; i++) key_real(w, a->checks[i].name, a->checks[i].value);
  heta_i_json_close(w, '}');
  if (!w->for_page) samples(w, a);
}

static void outcome(heta_i_writer *w, const heta_attribution *a) {
  heta_i_json_line(w);
  heta_i_key_string(w, "status", a->complete ? "complete" : "partial");
  heta_i_key_string(w, "stopped_by", a->stopped_by);
}

/* The raw work behind an incomplete result, so that another process can go on from it. */
static void work(heta_i_writer *w, const heta_attribution *a) {
  if (a->complete) return;
  heta_i_json_line(w);
  heta_i_key_open(w, "work", '[');
  for (size_t i = 0; i < a->series_count; i++) one_series(w, &a->series[i]);
  heta_i_json_close(w, ']');
}

/* The only facts that may differ between two equal runs. */
static void run_facts(heta_i_writer *w, const heta_attribution *a) {
  heta_i_json_line(w);
  heta_i_key_open(w, "timing", '{');
  key_real(w, "seconds", a->seconds_total);
  heta_i_key_open(w, "phases", '{');
  for (size_t i = 0; i < a->phase_count; i++) key_real(w, a->phases[i].name, a->phases[i].seconds);
  heta_i_json_close(w, '}');
  heta_i_json_close(w, '}');
  heta_i_json_line(w);
  heta_i_key_open(w, "environment", '{');
  heta_i_key_count(w, "peak_bytes", a->peak_bytes);
  heta_i_key_count(w, "threads", a->threads > 0 ? (uint64_t)a->threads : 0);
  heta_i_key_string(w, "backend", a->backend);
  heta_i_key_string(w, "precision", a->precision);
  heta_i_key_string(w, "cpu", a->cpu);
  heta_i_json_close(w, '}');
}

/* Everything known before the rows. */
static void preamble(heta_i_writer *w, const heta_attribution *a,
                     const heta_report_options *options) {
  heta_i_key_string(w, "schema", "heta.attribution/1");
  heta_i_key_string(w, "heta_version", a->version ? a->version : HETA_VERSION);
  command(w, a, options);
  model(w, a->model);
  input(w, a);
  targets(w, a);
}

static void rollup_object(heta_i_writer *w, const heta_attribution *a, const heta_rollup *rollup) {
  heta_i_json_line(w);
  heta_i_json_open(w, '{');
  rollup_keys(w, a, rollup);
  heta_i_json_close(w, '}');
}

static void whole_attribution(heta_i_writer *w, const heta_attribution *a, const heta_rollup *asked,
                              const heta_i_headline *headline) {
  heta_i_json_line(w);
  heta_i_key_open(w, "attributions", '[');
  heta_i_json_open(w, '{');
  question(w, a);
  heta_i_json_line(w);
  heta_i_key_open(w, "rows", '[');
  for (size_t i = 0; i < a->row_count; i++) {
    heta_i_json_line(w);
    heta_i_json_open(w, '{');
    row_keys(w, a, &a->rows[i]);
    heta_i_json_close(w, '}');
  }
  heta_i_json_close(w, ']');
  heta_i_json_line(w);
  heta_i_key_open(w, "rollups", '[');
  each_rollup(w, a, asked, rollup_object);
  heta_i_json_close(w, ']');
  account(w, a);
  put_headline(w, a, headline);
  heta_i_json_close(w, '}');
  heta_i_json_close(w, ']');
}

/* ---- The three forms ------------------------------------------------------------------------ */

void heta_i_report_json(heta_i_writer *w, const heta_attribution *a,
                        const heta_report_options *options, const heta_rollup *asked,
                        const heta_i_headline *headline) {
  w->lines = true;
  heta_i_json_open(w, '{');
  preamble(w, a, options);
  whole_attribution(w, a, asked, headline);
  outcome(w, a);
  work(w, a);
  run_facts(w, a);
  heta_i_json_close(w, '}');
  heta_i_puts(w, "\n");
}

static void open_line(heta_i_writer *w, const char *type) {
  w->comma = false;
  heta_i_json_open(w, '{');
  heta_i_key_string(w, "type", type);
}

static void close_line(heta_i_writer *w) {
  heta_i_json_close(w, '}');
  heta_i_puts(w, "\n");
}

static void rollup_line(heta_i_writer *w, const heta_attribution *a, const heta_rollup *rollup) {
  open_line(w, "rollup");
  heta_i_key_count(w, "attribution", 0);
  rollup_keys(w, a, rollup);
  close_line(w);
}

/* meta and summary carry the halves of attributions[0] before and after its rows. */
void heta_i_report_jsonl(heta_i_writer *w, const heta_attribution *a,
                         const heta_report_options *options, const heta_rollup *asked,
                         const heta_i_headline *headline) {
  open_line(w, "meta");
  preamble(w, a, options);
  heta_i_key_open(w, "attributions", '[');
  heta_i_json_open(w, '{');
  question(w, a);
  heta_i_json_close(w, '}');
  heta_i_json_close(w, ']');
  close_line(w);
  for (size_t i = 0; i < a->row_count; i++) {
    open_line(w, "row");
    heta_i_key_count(w, "attribution", 0);
    row_keys(w, a, &a->rows[i]);
    close_line(w);
  }
  each_rollup(w, a, asked, rollup_line);
  open_line(w, "summary");
  heta_i_key_open(w, "attributions", '[');
  heta_i_json_open(w, '{');
  account(w, a);
  put_headline(w, a, headline);
  heta_i_json_close(w, '}');
  heta_i_json_close(w, ']');
  outcome(w, a);
  work(w, a);
  run_facts(w, a);
  close_line(w);
}

/* The page's rows are packed by page.c. */
void heta_i_report_page_facts(heta_i_writer *w, const heta_attribution *a,
                              const heta_report_options *options) {
  preamble(w, a, options);
  heta_i_key_open(w, "attributions", '[');
  heta_i_json_open(w, '{');
  question(w, a);
  account(w, a);
  heta_i_json_close(w, '}');
  heta_i_json_close(w, ']');
  outcome(w, a);
}
