/* result.c: the result so far as the public attribution struct. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/utf8.h"
#include "job/job.h"

typedef struct builder {
  heta_job *job;
  heta_i_arena *arena;
  heta_error *error;
} builder;

static void *take(builder *b, size_t count, size_t size) {
  return heta_i_arena_take(b->arena, count, size);
}

static heta_status no_memory(builder *b) {
  return heta_i_no_memory(b->error, "the result", sizeof(heta_attribution));
}

/* The text with bytes that are not characters replaced by U+FFFD; offsets[i] is where byte i of the
 * original went. */
static char *clean_text(builder *b, size_t *size, size_t **offsets) {
  const heta_i_input *input = &b->job->input;
  char *out = take(b, input->text_size * 3 + 1, 1);
  size_t *map = take(b, input->text_size + 1, sizeof *map);
  if (!out || !map) return NULL;
  *size = heta_i_utf8_clean(input->text, input->text_size, out, map);
  *offsets = map;
  return out;
}

static heta_status add_text(builder *b, heta_attribution *a) {
  const heta_i_input *input = &b->job->input;
  size_t *map;
  char *text = clean_text(b, &a->text_size, &map);
  heta_result_token *tokens = take(b, input->count + 1, sizeof *tokens);
  heta_segment *segments = take(b, input->segment_count + 1, sizeof *segments);
  if (!text || !tokens || !segments) return no_memory(b);
  a->text = text;
  a->prompt_end = map[input->prompt_end];
  a->has_span = input->has_span;
  a->span_start = map[input->span_start];
  a->span_end = map[input->span_end];
  memcpy(segments, input->segments, input->segment_count * sizeof *segments);
  for (size_t i = 0; i < input->segment_count; i++) {
    segments[i].start = map[segments[i].start];
    segments[i].end = map[segments[i].end];
  }
  segments[input->segment_count] =
      (heta_segment){.id = "target", .role = "target", .start = a->prompt_end, .end = a->text_size};
  a->segments = segments;
  a->segment_count = input->segment_count + (a->text_size > a->prompt_end);
  for (size_t i = 0; i < input->count; i++) {
    const heta_token *token = &input->tokens[i];
    tokens[i] = (heta_result_token){.id = token->id,
                                    .kind = token->kind,
                                    .start = map[token->start],
                                    .end = map[token->end],
                                    .segment = token->kind >= HETA_TOKEN_FORCED
                                                   ? a->segment_count - 1
                                                   : heta_i_segment_of(input, token)};
    tokens[i].bytes = heta_token_bytes(b->job->model, token->id, &tokens[i].byte_count);
  }
  a->tokens = tokens;
  a->token_count = input->count;
  return HETA_OK;
}

static heta_status add_options(builder *b, heta_attribution *a) {
  const heta_i_session *s = &b->job->session;
  size_t count = s->method->info.option_count;
  heta_resolved_option *options = take(b, count + HETA_SOFT_OPTIONS, sizeof *options);
  if (!options) return no_memory(b);
  for (size_t i = 0; i < count; i++)
    options[i] =
        (heta_resolved_option){s->values[i].info->name, s->values[i].text, s->values[i].info->type};
  HETA_TRY(heta_i_soft_options(b->job, b->arena, options + count, &count, b->error));
  a->options = options;
  a->option_count = count;
  return HETA_OK;
}

typedef struct ranked {
  double score, error, df;
  size_t token;
} ranked;

static int by_score(const void *a, const void *b) {
  const ranked *x = a, *y = b;
  if (x->score != y->score) return x->score > y->score ? -1 : 1;
  return x->token < y->token ? -1 : 1;
}

/* Whether the difference of two scores is inside its 95 % interval, by Welch's degrees of freedom.
 */
static bool inseparable(const ranked *a, const ranked *b) {
  double v = a->error * a->error, w = b->error * b->error, spread = v + w;
  double df = spread * spread / (v * v / a->df + w * w / b->df);
  return a->score - b->score < heta_interval_factor(df) * sqrt(spread);
}

/* Two neighbours in rank may be tied. */
static heta_status find_ties(builder *b, const heta_i_numbers *n, size_t length, bool *tied) {
  ranked *order = heta_i_allocate(length, sizeof *order);
  if (!order) return no_memory(b);
  size_t known = 0;
  for (size_t i = 0; i < length; i++)
    if (!isnan(n->score[i]) && !isnan(n->score_se[i]))
      order[known++] = (ranked){n->score[i], n->score_se[i], n->score_df[i], i};
  qsort(order, known, sizeof *order, by_score);
  for (size_t i = 0; i + 1 < known; i++)
    tied[order[i].token] = inseparable(&order[i], &order[i + 1]);
  heta_i_free(order);
  return HETA_OK;
}

/* Nothing but NaN. */
static bool empty(const double *values, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (!isnan(values[i])) return false;
  return true;
}

static bool full(const double *values, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (isnan(values[i])) return false;
  return true;
}

/* Whether every token has its score, but for those that a budget left out. */
static bool finished(const heta_i_session *s, const double *score, size_t length) {
  for (size_t i = 0; i < length; i++)
    if (isnan(score[i]) && !(s->chosen && !s->chosen[i])) return false;
  return true;
}

static double *blank(builder *b, size_t count) {
  double *values = take(b, count, sizeof *values);
  for (size_t i = 0; values && i < count; i++) values[i] = NAN;
  return values;
}

static heta_status open_numbers(builder *b, size_t parts, size_t length, heta_i_numbers *out) {
  *out = (heta_i_numbers){.components = take(b, parts + 1, sizeof *out->components),
                          .errors = take(b, parts + 1, sizeof *out->errors),
                          .probes = take(b, length, sizeof *out->probes),
                          .score = blank(b, length),
                          .score_se = blank(b, length),
                          .signed_score = blank(b, length),
                          .score_df = blank(b, length)};
  if (!out->components || !out->errors || !out->probes || !out->score || !out->score_se ||
      !out->signed_score || !out->score_df)
    return no_memory(b);
  for (size_t c = 0; c < parts; c++) {
    out->components[c] = blank(b, length);
    out->errors[c] = blank(b, length);
    if (!out->components[c] || !out->errors[c]) return no_memory(b);
  }
  return HETA_OK;
}

/* Where there is no error it has no degrees of freedom. */
static void complete_freedom(size_t length, heta_i_numbers *n) {
  for (size_t i = 0; i < length; i++) {
    if (isnan(n->score_df[i])) n->score_df[i] = n->probes[i] - 1.0;
    if (isnan(n->score_se[i]) || !(n->score_df[i] >= 1)) n->score_df[i] = NAN;
  }
}

static heta_status add_row(builder *b, heta_attribution *a, size_t target, heta_row *row) {
  heta_job *job = b->job;
  const heta_i_session *s = &job->session;
  const heta_i_method *method = s->method;
  size_t length = heta_i_context(s, target), parts = method->component_count;
  bool *tied = take(b, length, sizeof *tied);
  heta_i_numbers n;
  if (!tied) return no_memory(b);
  HETA_TRY(open_numbers(b, parts, length, &n));
  if (!method->finish(s, target, length, &n)) return no_memory(b);
  heta_i_mass(s, n.signed_score, length, n.score, n.score_se);
  complete_freedom(length, &n);
  bool estimated = false;
  for (size_t c = 0; c < parts; c++) {
    estimated |= !a->components[c].exact;
    if (a->components[c].exact) n.errors[c] = NULL;
  }
  if (estimated) HETA_TRY(find_ties(b, &n, length, tied));
  bool done = true, begun = !empty(n.score, length);
  for (size_t i = 0; i < s->item_count; i++)
    if (target >= s->items[i].target && target < s->items[i].target_end)
      done &= heta_i_item_done(s, &s->items[i]);
  for (size_t c = 0; c < parts; c++) begun |= !empty(n.components[c], length);
  *row = (heta_row){.target = s->joint ? HETA_ALL_TARGETS : target,
                    .length = length,
                    .status = done && finished(s, n.score, length) ? HETA_ROW_COMPLETE
                              : begun                              ? HETA_ROW_PARTIAL
                                                                   : HETA_ROW_PENDING,
                    .score = n.score,
                    .score_se = estimated ? n.score_se : NULL,
                    .signed_score = method->is_signed ? n.signed_score : NULL,
                    .components = (const double *const *)n.components,
                    .component_se = (const double *const *)n.errors,
                    .probes = estimated ? n.probes : NULL,
                    .tied_with_next = estimated ? tied : NULL,
                    .score_df = estimated ? n.score_df : NULL};
  return HETA_OK;
}

/* A component measured as a fraction sums to 1: the check every reader can repeat. Then the
 * method's own. */
static heta_status add_checks(builder *b, heta_attribution *a) {
  const heta_i_session *s = &b->job->session;
  heta_check_value own[HETA_MAX_CHECKS];
  size_t own_count = b->job->ready && s->method->checks ? s->method->checks(s, own) : 0;
  heta_check_value *checks = take(b, a->component_count + HETA_MAX_CHECKS + 1, sizeof *checks);
  if (!checks) return no_memory(b);
  for (size_t c = 0; a->row_count && c < a->component_count; c++) {
    const heta_row *row = &a->rows[0];
    if (strcmp(a->components[c].unit, "fraction") || !full(row->components[c], row->length))
      continue;
    double sum = 0;
    for (size_t i = 0; i < row->length; i++) sum += row->components[c][i];
    char *name = heta_i_arena_print(b->arena, "%s_sum", a->components[c].name);
    if (!name) return no_memory(b);
    checks[a->check_count++] = (heta_check_value){name, sum};
  }
  for (size_t i = 0; i < own_count; i++)
    if (isfinite(own[i].value)) checks[a->check_count++] = own[i];
  if (s->left_out)
    checks[a->check_count++] = (heta_check_value){"passes_left_out", (double)s->left_out};
  a->checks = checks;
  return HETA_OK;
}

/* Operations of masking the tokens that an item with a budget masked, and how many they were. */
static double masked_flop(const heta_i_session *s, const heta_i_item *item, size_t *masked) {
  size_t series = 0, rows = 0;
  while (!(item->fills >> series & 1)) series++;
  *masked = 0;
  for (size_t i = item->token; i < item->token_end; i++) {
    if (isnan(*heta_i_series_at(s, series, item->target, i))) continue;
    rows += s->length - i;
    ++*masked;
  }
  return heta_i_flop(s, (double)rows, (double)(*masked * s->target_count));
}

/* Samples of an item that are there, of those it could have. */
static double done_share(const heta_i_session *s, const heta_i_item *item, uint64_t *samples) {
  uint64_t all = 0;
  *samples = 0;
  for (size_t k = 0; k < s->series_count; k++)
    for (size_t t = item->target; t < item->target_end && item->fills >> k & 1; t++)
      for (size_t i = item->token; i < item->token_end; i++, all++)
        *samples += !isnan(heta_i_series_at(s, k, t, i)[item->sample]);
  return (double)*samples / (double)all;
}

/* Adds what an item cost: all of it or nothing, unless tokens could be left out. */
static void add_cost(const heta_i_session *s, const heta_i_item *item, heta_attribution *a) {
  double share = 1;
  uint64_t hvps = item->hvps;
  if (item->budget) {
    size_t masked;
    a->cost_flop += masked_flop(s, item, &masked);
    a->cost_forwards += masked;
    return;
  }
  if (item->tolerance > 0) {
    uint64_t samples;
    share = done_share(s, item, &samples);
    if (!samples) return;
    if (hvps > item->fixed_hvps)
      hvps = item->fixed_hvps + samples;
    else
      share = 1; /* one product of whole rows serves every token */
  } else if (!heta_i_item_done(s, item)) {
    return;
  }
  uint64_t forwards = item->forwards;
  if (item->counted) {
    const double *taken = heta_i_series_at(s, item->counted - 1, item->target, 0);
    double sum = 0;
    for (size_t r = item->sample; r < item->sample_end; r++) sum += taken[r];
    share *= sum / (double)forwards;
    forwards = (uint64_t)sum;
  }
  a->cost_forwards += forwards;
  a->cost_reverses += item->reverses;
  a->cost_hvps += hvps;
  a->cost_flop += share * item->flop;
}

static heta_status add_work(builder *b, heta_attribution *a) {
  heta_job *job = b->job;
  const heta_i_session *s = &job->session;
  a->cost_forwards = job->written + (job->options.patch_tokens != NULL);
  a->cost_flop = job->written_flop;
  if (!job->wrote_clean) {
    a->cost_forwards++;
    a->cost_flop += heta_i_flop(s, (double)s->length, (double)s->target_count);
  }
  for (size_t i = 0; job->ready && i < s->item_count; i++) add_cost(s, &s->items[i], a);
  heta_series *series = take(b, s->series_count + 1, sizeof *series);
  if (!series) return no_memory(b);
  for (size_t k = 0; job->ready && k < s->series_count; k++)
    series[a->series_count++] = (heta_series){s->series[k].name, s->row_count, s->series[k].tokens,
                                              s->series[k].samples, s->series[k].values};
  a->series = series;
  return HETA_OK;
}

static const char *cpu_name(builder *b) {
  char line[256];
  const char *name = NULL;
  FILE *file = fopen("/proc/cpuinfo", "r");
  while (file && !name && fgets(line, sizeof line, file)) {
    char *value = strchr(line, ':');
    if (strncmp(line, "model name", 10) || !value) continue;
    value += strspn(value, ": \t");
    value[strcspn(value, "\n")] = 0;
    name = heta_i_arena_string(b->arena, value, strlen(value));
  }
  if (file) fclose(file);
  return name ? name : "unknown";
}

static heta_status add_windows(builder *b, heta_attribution *a) {
  const heta_i_session *s = &b->job->session;
  heta_windows *windows = take(b, 1, sizeof *windows);
  if (!windows) return no_memory(b);
  if (s->method->windows && s->method->windows(s, windows)) a->windows = windows;
  return HETA_OK;
}

static void add_facts(builder *b, heta_attribution *a) {
  heta_job *job = b->job;
  struct rusage usage;
  if (!getrusage(RUSAGE_SELF, &usage)) a->peak_bytes = (uint64_t)usage.ru_maxrss * 1024;
  a->seconds_total = job->seconds > 0 ? job->seconds : heta_i_now() - job->started;
  a->phases = job->phases;
  a->phase_count = job->phase_count;
  a->threads = job->settings.threads;
  a->backend = job->settings.backend == HETA_BACKEND_CPU ? "cpu" : "reference";
  a->precision = job->options.precision == HETA_PRECISION_F64 ? "f64" : "f32";
  a->cpu = cpu_name(b);
}

heta_status heta_i_result(heta_job *job, heta_error *error) {
  heta_i_arena_free(&job->shown);
  builder b = {job, &job->shown, error};
  heta_attribution *a = &job->result;
  const heta_i_session *s = &job->session;
  *a = (heta_attribution){.model = &job->model->info,
                          .method = &s->method->info,
                          .seed = job->options.seed,
                          .objective = heta_i_objective_name(s),
                          .is_signed = s->method->is_signed,
                          .stopped_by = job->stopped_by};
  HETA_TRY(add_text(&b, a));
  HETA_TRY(add_options(&b, a));
  heta_component_info *components = take(&b, s->method->component_count + 1, sizeof *components);
  heta_row *rows = take(&b, job->explained + 1, sizeof *rows);
  if (!components || !rows) return no_memory(&b);
  memcpy(components, s->method->components, s->method->component_count * sizeof *components);
  if (s->method->describe) s->method->describe(s, components);
  a->components = components;
  a->component_count = s->method->component_count;
  a->complete = job->ready && job->explained > 0;
  a->row_count = s->joint && job->explained ? 1 : job->explained;
  for (size_t t = 0; job->ready && t < a->row_count; t++) {
    HETA_TRY(add_row(&b, a, t, &rows[t]));
    a->complete &= rows[t].status == HETA_ROW_COMPLETE;
  }
  a->rows = rows;
  a->targets = job->facts;
  a->target_count = job->explained;
  HETA_TRY(add_checks(&b, a));
  HETA_TRY(add_work(&b, a));
  add_facts(&b, a);
  return add_windows(&b, a);
}
