/* decode.c: the token that the model writes next: the most probable one, or one that is drawn. */
#include "base/random.h"
#include "job/job.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool heta_i_draws(const heta_job *job) { return job->options.temperature > 0; }

bool heta_i_penalises(const heta_job *job) {
  return job->options.repeat_penalty > 0 && job->options.repeat_penalty != 1;
}

heta_status heta_i_decoding_check(const heta_job *job, heta_error *error) {
  const heta_attribute_options *o = &job->options;
  if (!(o->temperature >= 0) || !isfinite(o->temperature))
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "temperature is %g; it takes 0 (the most probable token) or more",
                       o->temperature);
  if (!(o->top_p >= 0 && o->top_p <= 1))
    return heta_i_fail(error, HETA_E_ARGUMENT, "top_p is %g; it takes 0 to 1", o->top_p);
  if (!(o->repeat_penalty >= 0) || !isfinite(o->repeat_penalty))
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "repeat_penalty is %g; it takes a number above 0, or 0 for none",
                       o->repeat_penalty);
  if ((o->top_p > 0 || o->top_k) && !heta_i_draws(job))
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "%s is of tokens that are drawn: it needs a temperature above 0",
                       o->top_k ? "top_k" : "top_p");
  bool chosen = heta_i_draws(job) || heta_i_penalises(job);
  if (chosen && o->target != HETA_TARGET_NEXT && o->target != HETA_TARGET_GENERATE)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "temperature and repeat_penalty are of tokens that the model writes, and "
                       "the target is given");
  return HETA_OK;
}

typedef struct choice {
  double weight;
  int32_t id;
} choice;

/* More probable ones first, the lower id of equal ones. */
static int by_weight(const void *a, const void *b) {
  const choice *x = a, *y = b;
  if (x->weight != y->weight) return x->weight > y->weight ? -1 : 1;
  return (x->id > y->id) - (x->id < y->id);
}

/* Of the tokens so far, so that texts of one length do not share their draws. */
static uint32_t hash_of(const heta_i_input *input) {
  uint32_t hash = 2166136261u; /* FNV-1a, by whole ids */
  for (size_t i = 0; i < input->count; i++)
    hash = (hash ^ (uint32_t)input->tokens[i].id) * 16777619u;
  return hash;
}

static int32_t most_probable(const double *logits, size_t count) {
  size_t best = 0;
  for (size_t i = 1; i < count; i++)
    if (logits[i] > logits[best]) best = i;
  return (int32_t)best;
}

/* From the original logits, so that a token that stands in the text twice is penalised once. */
static void penalise(const heta_job *job, const double *logits, double *changed) {
  double penalty = job->options.repeat_penalty;
  for (size_t i = 0; i < job->input.count; i++) {
    size_t id = (size_t)job->input.tokens[i].id;
    changed[id] = logits[id] > 0 ? logits[id] / penalty : logits[id] * penalty;
  }
}

static heta_status draw(const heta_job *job, const double *logits, size_t position, int32_t *out,
                        heta_error *error) {
  const heta_attribute_options *o = &job->options;
  size_t count = job->model->hyper.vocabulary, kept = 0;
  double all = 0, some = 0, u, most = logits[most_probable(logits, count)];
  choice *choices = heta_i_allocate(count, sizeof *choices);
  if (!choices) return heta_i_no_memory(error, "probabilities", count * sizeof *choices);
  for (size_t i = 0; i < count; i++)
    choices[i] = (choice){exp((logits[i] - most) / o->temperature), (int32_t)i};
  qsort(choices, count, sizeof *choices, by_weight);
  if (o->top_k && o->top_k < count) count = o->top_k;
  for (size_t i = 0; i < count; i++) all += choices[i].weight;
  double enough = o->top_p > 0 ? o->top_p * all : all;
  while (kept < count && (!kept || some < enough)) some += choices[kept++].weight;
  heta_i_uniform(o->seed, HETA_STREAM_DECODING, (uint32_t)position, hash_of(&job->input), 1, &u);
  double left = u * some;
  size_t at = 0;
  while (at + 1 < kept && left >= choices[at].weight) left -= choices[at++].weight;
  *out = choices[at].id;
  heta_i_free(choices);
  return HETA_OK;
}

heta_status heta_i_next_token(const heta_job *job, const double *logits, size_t position,
                              int32_t *out, heta_error *error) {
  size_t count = job->model->hyper.vocabulary;
  double *changed = NULL;
  if (heta_i_penalises(job)) {
    changed = heta_i_allocate(count, sizeof *changed);
    if (!changed) return heta_i_no_memory(error, "logits", count * sizeof *changed);
    memcpy(changed, logits, count * sizeof *changed);
    penalise(job, logits, changed);
    logits = changed;
  }
  heta_status status = HETA_OK;
  if (heta_i_draws(job))
    status = draw(job, logits, position, out, error);
  else
    *out = most_probable(logits, count);
  heta_i_free(changed);
  return status;
}
