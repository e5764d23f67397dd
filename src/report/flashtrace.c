/* flashtrace.c: the JSON that flashtrace writes, for its tools: one score for each token, for what
 * was explained as a whole. docs/exchange.md says which field holds what. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "report/report.h"

enum { TOP = 10 };

/* One number per token before the last explained one. A row of all targets or of one is taken as it
 * is; several are averaged, each divided by the sum of its sizes, 0 where a token comes too late.
 */
static void gather(const heta_attribution *a, double *scores) {
  for (size_t r = 0; r < a->row_count; r++) {
    const heta_row *row = &a->rows[r];
    double sum = 0, count = (double)a->row_count;
    for (size_t i = 0; i < row->length; i++) sum += fabs(heta_i_row_value(row, i));
    for (size_t i = 0; i < row->length; i++) {
      double value = heta_i_row_value(row, i);
      scores[i] += a->row_count == 1 ? value : sum > 0 ? value / sum / count : 0;
    }
  }
}

static void put_names(heta_i_writer *w, const heta_attribution *a, const char *key, size_t first,
                      size_t end) {
  heta_i_key_open(w, key, '[');
  for (size_t i = first; i < end; i++) {
    size_t size;
    const char *bytes = heta_i_token_text(a, i, &size);
    heta_i_json_bytes(w, bytes, size);
  }
  heta_i_json_close(w, ']');
}

static void put_scores(heta_i_writer *w, const char *key, const double *scores, size_t first,
                       size_t end) {
  heta_i_key_open(w, key, '[');
  for (size_t i = first; i < end; i++) heta_i_json_real(w, scores[i]);
  heta_i_json_close(w, ']');
}

/* The prompt's tokens of the largest scores, the largest first. */
static void put_top(heta_i_writer *w, const heta_attribution *a, const double *scores,
                    size_t prompt) {
  size_t best[TOP], count = 0;
  for (size_t i = 0; i < prompt; i++) {
    size_t at = count;
    if (!isfinite(scores[i])) continue;
    while (at > 0 && scores[best[at - 1]] < scores[i]) at--;
    if (at == TOP) continue;
    if (count < TOP) count++;
    memmove(&best[at + 1], &best[at], (count - at - 1) * sizeof *best);
    best[at] = i;
  }
  heta_i_key_open(w, "top_inputs", '[');
  for (size_t k = 0; k < count; k++) {
    size_t size;
    const char *bytes = heta_i_token_text(a, best[k], &size);
    heta_i_json_open(w, '{');
    heta_i_key_count(w, "index", best[k]);
    heta_i_json_key(w, "token");
    heta_i_json_bytes(w, bytes, size);
    heta_i_json_key(w, "score");
    heta_i_json_real(w, scores[best[k]]);
    heta_i_json_close(w, '}');
  }
  heta_i_json_close(w, ']');
}

static void put_metadata(heta_i_writer *w, const heta_attribution *a) {
  heta_i_key_open(w, "metadata", '{');
  heta_i_key_string(w, "model",
                    a->model->name && a->model->name[0] ? a->model->name : a->model->file);
  heta_i_key_string(w, "model_fingerprint", a->model->fingerprint);
  heta_i_key_string(w, "objective", a->objective);
  heta_i_key_string(w, "heta_version", a->version ? a->version : heta_version());
  heta_i_key_count(w, "seed", a->seed);
  heta_i_key_open(w, "options", '{');
  for (size_t i = 0; i < a->option_count; i++)
    heta_i_key_string(w, a->options[i].name, a->options[i].value);
  heta_i_json_close(w, '}');
  heta_i_json_close(w, '}');
}

static void put_empty(heta_i_writer *w, const char *key) {
  heta_i_key_open(w, key, '[');
  heta_i_json_close(w, ']');
}

heta_status heta_i_report_flashtrace(heta_i_writer *w, const heta_attribution *a,
                                     heta_error *error) {
  if (!a->row_count)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "this result explains no target yet, and flashtrace's files have a span");
  size_t first = SIZE_MAX, end = 0, prompt = 0;
  for (size_t r = 0; r < a->row_count; r++) {
    if (a->rows[r].length < first) first = a->rows[r].length;
    if (heta_i_row_end(a, &a->rows[r]) > end) end = heta_i_row_end(a, &a->rows[r]);
  }
  if (end > a->token_count)
    return heta_i_fail(error, HETA_E_ARGUMENT, "the explained tokens of this result are not known");
  while (prompt < first && a->tokens[prompt].kind < HETA_TOKEN_FORCED) prompt++;
  double *scores = heta_i_allocate(a->token_count, sizeof *scores);
  if (!scores) return heta_i_no_memory(error, "the report", a->token_count * sizeof *scores);
  gather(a, scores);
  heta_i_json_open(w, '{');
  heta_i_key_string(w, "method", a->method->name);
  put_names(w, a, "prompt_tokens", 0, prompt);
  put_names(w, a, "generation_tokens", prompt, a->token_count);
  put_scores(w, "scores", scores, 0, prompt);
  put_scores(w, "generation_scores", scores, prompt, a->token_count);
  put_empty(w, "per_hop_scores");
  put_empty(w, "per_hop_generation_scores");
  put_empty(w, "per_hop_target_spans");
  put_empty(w, "thinking_ratios");
  heta_i_key_open(w, "output_span", '[');
  heta_i_json_count(w, first - prompt);
  heta_i_json_count(w, end - 1 - prompt);
  heta_i_json_close(w, ']');
  heta_i_json_key(w, "reasoning_span");
  heta_i_json_null(w);
  put_top(w, a, scores, prompt);
  put_metadata(w, a);
  heta_i_json_close(w, '}');
  heta_i_puts(w, "\n");
  heta_i_free(scores);
  return HETA_OK;
}
