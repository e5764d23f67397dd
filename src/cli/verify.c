/* verify.c: `heta verify` computes a random part of a result again and compares.
 *
 * The job is made from the result as `heta merge` makes it, and asked for some context tokens only:
 * what it then has is what the whole job would have. Everything that is there on both sides is
 * compared; which tokens those are depends on --seed alone. */
#include "cli/commands.h"
#include "cli/json.h"
#include "cli/merge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct verify_arguments {
  cli_parsed parsed; /* must be first */
  const char *model, *fraction, *tolerance;
  uint64_t seed, threads, max_memory;
  int format;
} verify_arguments;

/* A number of the two results that was compared. */
typedef struct difference {
  const char *what; /* "curvature", or NULL: nothing differs */
  size_t target, token;
  bool of_token; /* else of the target */
  double stored, computed;
  double part; /* of what the tolerance allows; above 1: too far */
} difference;

typedef struct verdict {
  double tolerance;
  size_t compared, identical, too_far, tokens;
  difference worst;
} verdict;

static double read_fraction(const char *text, double fallback) {
  char *end;
  double number = text ? strtod(text, &end) : fallback;
  return text && (*end || end == text || !(number > 0) || number > 1) ? NAN : number;
}

/* ---- Comparing ----------------------------------------------------------------------------- */

/* scale: the largest stored number of its kind. A number that is missing on either side is not
 * compared: computed only in part, or not there in this version. */
static void compare(verdict *v, difference d, double scale) {
  if (!isfinite(d.stored) || !isfinite(d.computed)) return;
  double allowed = v->tolerance * (fabs(d.stored) + 0.01 * scale);
  double apart = fabs(d.stored - d.computed);
  d.part = apart == 0 ? 0 : allowed > 0 ? apart / allowed : INFINITY;
  v->compared++;
  v->identical += apart == 0;
  v->too_far += d.part > 1;
  if (d.part > v->worst.part) v->worst = d;
}

static void compare_arrays(verdict *v, const char *what, size_t target, size_t length,
                           const double *stored, const double *computed) {
  double scale = 0;
  if (!stored || !computed) return;
  for (size_t i = 0; i < length; i++) {
    if (isfinite(stored[i])) scale = fmax(scale, fabs(stored[i]));
  }
  for (size_t i = 0; i < length; i++) {
    compare(v, (difference){what, target, i, true, stored[i], computed[i], 0}, scale);
  }
}

static void compare_targets(verdict *v, const heta_attribution *stored,
                            const heta_attribution *computed) {
  for (size_t t = 0; t < stored->target_count; t++) {
    const heta_target *was = &stored->targets[t], *is = &computed->targets[t];
    compare(v, (difference){"logprob", t, 0, false, was->logprob, is->logprob, 0}, 1);
    compare(v, (difference){"entropy", t, 0, false, was->entropy, is->entropy, 0}, 1);
    if (was->has_foil) {
      compare(v, (difference){"foil logprob", t, 0, false, was->foil.logprob, is->foil.logprob, 0},
              1);
    }
  }
}

static void compare_rows(verdict *v, const heta_attribution *stored,
                         const heta_attribution *computed) {
  for (size_t r = 0; r < stored->row_count; r++) {
    const heta_row *old = &stored->rows[r], *new = &computed->rows[r];
    size_t t = old->target, n = old->length;
    compare_arrays(v, "score", t, n, old->score, new->score);
    compare_arrays(v, "score_se", t, n, old->score_se, new->score_se);
    compare_arrays(v, "signed_score", t, n, old->signed_score, new->signed_score);
    for (size_t c = 0; c < stored->component_count; c++) {
      for (size_t k = 0; k < computed->component_count; k++) {
        const char *name = stored->components[c].name;
        if (strcmp(name, computed->components[k].name) != 0) continue;
        compare_arrays(v, name, t, n, old->components[c], new->components[k]);
      }
    }
  }
}

/* What must agree before numbers can be compared; NULL, or what does not. */
static const char *contradiction(const heta_attribution *stored, const heta_attribution *computed) {
  if (stored->token_count != computed->token_count) return "the number of tokens";
  for (size_t i = 0; i < stored->token_count; i++) {
    const heta_result_token *a = &stored->tokens[i], *b = &computed->tokens[i];
    if (a->id != b->id || a->start != b->start || a->end != b->end) return "the tokens";
  }
  if (stored->target_count != computed->target_count) return "the number of targets";
  for (size_t t = 0; t < stored->target_count; t++) {
    const heta_target *a = &stored->targets[t], *b = &computed->targets[t];
    if (a->id != b->id || a->position != b->position) return "the targets";
    if (a->has_foil != b->has_foil || (a->has_foil && a->foil.id != b->foil.id)) return "the foil";
  }
  if (stored->row_count != computed->row_count) return "the number of rows";
  for (size_t r = 0; r < stored->row_count; r++) {
    if (stored->rows[r].target != computed->rows[r].target ||
        stored->rows[r].length != computed->rows[r].length) {
      return "the rows";
    }
  }
  return NULL;
}

/* ---- What to compute again ----------------------------------------------------------------- */

/* A well-mixed 64-bit number for each (seed, token). */
static uint64_t lot(uint64_t seed, uint64_t token) {
  uint64_t x = seed ^ (token + 1) * 0x9E3779B97F4A7C15u;
  for (int round = 0; round < 2; round++) {
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    x ^= x >> 31;
  }
  return x;
}

typedef struct drawn {
  uint64_t lot;
  size_t token;
} drawn;

static int by_lot(const void *a, const void *b) {
  const drawn *x = a, *y = b;
  if (x->lot != y->lot) return x->lot < y->lot ? -1 : 1;
  return x->token < y->token ? -1 : x->token > y->token;
}

/* The tokens with the lowest lots, at least one; owned by the caller. NULL without memory. */
static size_t *draw_tokens(size_t tokens, double fraction, uint64_t seed, size_t *count) {
  drawn *lots = calloc(tokens + 1, sizeof *lots);
  size_t *chosen = calloc(tokens + 1, sizeof *chosen);
  *count = (size_t)ceil(fraction * (double)tokens);
  if (*count < 1) *count = 1;
  if (*count > tokens) *count = tokens;
  if (lots && chosen) {
    for (size_t i = 0; i < tokens; i++) lots[i] = (drawn){lot(seed, i), i};
    qsort(lots, tokens, sizeof *lots, by_lot);
    for (size_t i = 0; i < *count; i++) chosen[i] = lots[i].token;
  } else {
    free(chosen);
    chosen = NULL;
  }
  free(lots);
  return chosen;
}

/* ---- Saying it ----------------------------------------------------------------------------- */

static json_t *worst_json(const difference *worst) {
  if (!worst->what) return json_null();
  json_t *object = json_object();
  cli_json_set(object, "what", cli_json_string(worst->what));
  bool all = worst->target == HETA_ALL_TARGETS;
  cli_json_set(object, "target", all ? cli_json_string("all") : cli_json_count(worst->target));
  cli_json_set(object, "token", worst->of_token ? cli_json_count(worst->token) : json_null());
  cli_json_set(object, "stored", cli_json_number(worst->stored));
  cli_json_set(object, "computed", cli_json_number(worst->computed));
  return object;
}

static int print_json(const verdict *v, const char *file) {
  json_t *object = json_object();
  cli_json_set(object, "file", cli_json_string(file));
  cli_json_set(object, "holds", json_boolean(!v->too_far));
  cli_json_set(object, "tolerance", cli_json_number(v->tolerance));
  cli_json_set(object, "tokens", cli_json_count(v->tokens));
  cli_json_set(object, "compared", cli_json_count(v->compared));
  cli_json_set(object, "identical", cli_json_count(v->identical));
  cli_json_set(object, "too_far", cli_json_count(v->too_far));
  cli_json_set(object, "largest_difference", worst_json(&v->worst));
  return cli_json_print(object);
}

static int print_verdict(const verdict *v, const char *file, size_t context) {
  const difference *worst = &v->worst;
  printf("%s%s%s: %zu of %zu context tokens were computed again, %zu numbers compared, %zu of them "
         "identical\n",
         cli_bold(stdout), file, cli_plain(stdout), v->tokens, context, v->compared, v->identical);
  if (worst->what) {
    char token[40] = "", target[40] = "all targets";
    if (worst->target != HETA_ALL_TARGETS)
      snprintf(target, sizeof target, "target %zu", worst->target);
    if (worst->of_token) snprintf(token, sizeof token, ", token %zu", worst->token);
    printf("largest difference: %s of %s%s: stored %.9g, computed %.9g, %.3g times what the "
           "tolerance allows\n",
           worst->what, target, token, worst->stored, worst->computed, worst->part);
  }
  printf("%s\n", v->too_far ? "the result does NOT hold" : "the result holds");
  return cli_close_output(CLI_DONE);
}

static int conclude(const verdict *v, const verify_arguments *arguments, size_t context) {
  const char *file = arguments->parsed.words.items[0];
  int code = arguments->format ? print_json(v, file) : print_verdict(v, file, context);
  if (code || !v->too_far) return code;
  return cli_fail(CLI_CHECK, "%s: %zu of %zu numbers differ by more than the tolerance", file,
                  v->too_far, v->compared);
}

/* ---- The command --------------------------------------------------------------------------- */

static int check_model(heta_model *model, const heta_attribution *stored) {
  heta_error error = {0};
  const heta_model_info *was = stored->model, *is = heta_model_get_info(model);
  if (strcmp(was->fingerprint_kind, is->fingerprint_kind) != 0 &&
      strcmp(was->fingerprint_kind, "sha256") == 0 && heta_model_hash(model, &error)) {
    return cli_fail(CLI_MODEL, "%s", error.message);
  }
  is = heta_model_get_info(model);
  if (strcmp(was->fingerprint_kind, is->fingerprint_kind) == 0 &&
      strcmp(was->fingerprint, is->fingerprint) == 0) {
    return CLI_DONE;
  }
  return cli_fail(
      CLI_MODEL,
      "'%s' is not the model of this result: its %s is %s, the result names %s %s; give "
      "the right file with -m",
      is->file, is->fingerprint_kind, is->fingerprint, was->fingerprint_kind, was->fingerprint);
}

/* Tokens of the longest row, which are all that have numbers. */
static size_t longest(const heta_attribution *attribution) {
  size_t most = 0;
  for (size_t r = 0; r < attribution->row_count; r++) {
    if (attribution->rows[r].length > most) most = attribution->rows[r].length;
  }
  return most;
}

static int compute(heta_model *model, const cli_recorded *recorded, const heta_attribution *stored,
                   const verify_arguments *arguments, verdict *v) {
  heta_attribute_options options = cli_recorded_options(recorded);
  const heta_attribution *computed;
  heta_job *job = NULL;
  heta_error error = {0};
  size_t context = longest(stored);
  double fraction = read_fraction(arguments->fraction, 0.1);
  size_t *tokens = draw_tokens(context, fraction, arguments->seed, &v->tokens);
  if (!tokens) return cli_fail(CLI_FAILED, "out of memory");
  options.max_seconds = 0;
  options.max_memory = arguments->max_memory;
  options.threads = (int)arguments->threads;
  options.part = options.parts = 0;
  options.only_tokens = tokens;
  options.only_token_count = v->tokens;
  heta_status status =
      heta_job_create(model, recorded->text, recorded->text_size, &options, &job, &error);
  free(tokens);
  if (!status) status = heta_job_run(job, &error);
  if (!status) status = heta_job_get_result(job, &computed, &error);
  int code = status ? cli_fail(cli_exit_code(status), "%s", error.message) : CLI_DONE;
  const char *wrong = code ? NULL : contradiction(stored, computed);
  if (wrong) {
    code =
        cli_fail(CLI_CHECK, "%s: the result does not hold: %s are not those that the model gives",
                 arguments->parsed.words.items[0], wrong);
  }
  if (!code) {
    compare_targets(v, stored, computed);
    compare_rows(v, stored, computed);
  }
  heta_job_free(job);
  return code;
}

static int verify(const cli_recorded *recorded, const heta_attribution *stored,
                  const verify_arguments *arguments) {
  verdict v = {.tolerance = read_fraction(arguments->tolerance, 1e-3)};
  heta_model *model;
  if (!stored->complete || !longest(stored)) {
    return cli_fail(CLI_USAGE,
                    "%s: only a complete result can be verified; "
                    "heta attribute --continue finishes it",
                    arguments->parsed.words.items[0]);
  }
  int code = cli_open_recorded_model(arguments->model, recorded->model, &model);
  if (code) return code;
  code = check_model(model, stored);
  if (!code) code = compute(model, recorded, stored, arguments, &v);
  if (!code) code = conclude(&v, arguments, longest(stored));
  heta_model_close(model);
  return code;
}

static int run(void *untyped) {
  const verify_arguments *arguments = untyped;
  const char *file = arguments->parsed.words.items[0];
  char message[CLI_MESSAGE];
  heta_error error = {0};
  cli_recorded recorded;
  heta_result *result;
  cli_text json;
  if (isnan(read_fraction(arguments->fraction, 1))) {
    return cli_fail(CLI_USAGE, "--fraction: '%s' is not a number above 0 and up to 1",
                    arguments->fraction);
  }
  if (isnan(read_fraction(arguments->tolerance, 1))) {
    return cli_fail(CLI_USAGE, "--tolerance: '%s' is not a number above 0 and up to 1",
                    arguments->tolerance);
  }
  int code = cli_read_file(file, &json);
  if (code) return code;
  heta_status status = heta_result_read(json.bytes, json.size, &result, &error);
  if (status) {
    code = cli_fail(CLI_FAILED, "%s: %s", file, error.message);
  } else if (!cli_recorded_read(json.bytes, json.size, &recorded, message)) {
    code = cli_fail(CLI_FAILED, "%s: %s", file, message);
    heta_result_free(result);
  } else {
    code = verify(&recorded, heta_result_get(result), arguments);
    cli_recorded_free(&recorded);
    heta_result_free(result);
  }
  free(json.bytes);
  return code;
}

#define FIELD(name) offsetof(verify_arguments, name)

static const cli_option options[] = {
    {'m', "model", NULL, CLI_TEXT, FIELD(model), "FILE", 0, 0, 0, NULL,
     "the model, if it was moved since"},
    {0, "fraction", NULL, CLI_TEXT, FIELD(fraction), "F", 0, 0, 0, NULL,
     "how much of the context to compute again; default 0.1, at least one token"},
    {'s', "seed", NULL, CLI_COUNT, FIELD(seed), "N", 0, UINT64_MAX, 0, NULL,
     "which tokens are drawn"},
    {0, "tolerance", NULL, CLI_TEXT, FIELD(tolerance), "X", 0, 0, 0, NULL,
     "how far numbers may differ, relatively; default 0.001"},
    {'t', "threads", NULL, CLI_COUNT, FIELD(threads), "N", 1, 1024, 0, NULL,
     "threads to use; default one per core"},
    {0, "max-memory", "max-mem", CLI_SIZE, FIELD(max_memory), "SIZE", 0, 0, 0, NULL,
     "stay below 1.3G, 800M …, or refuse to start"},
    {0, "format", NULL, CLI_CHOICE, FIELD(format), "term|json", 0, 0, 0, NULL,
     "for people or for programs"},
};

const cli_command cli_verify = {
    .name = "verify",
    .summary = "Computes a random part of a result again and says whether it holds.",
    .usage = "FILE.json [-m FILE]",
    .options = options,
    .option_count = sizeof options / sizeof *options,
    .word = "FILE.json",
    .least_words = 1,
    .most_words = 1,
    .arguments_size = sizeof(verify_arguments),
    .run = run,
    .notes =
        "The model must be the one of the result, by its fingerprint. Tokens, targets and their "
        "probabilities, gate and gradient are compared as a whole; curvature, information and "
        "score at the drawn tokens (with --scale, whose divisor takes all tokens, the score only "
        "with "
        "--fraction 1). On the same kind of machine numbers are identical. Elsewhere "
        "they may differ by rounding: a number may be off by the tolerance times the sum of its "
        "own size and a hundredth of the largest of its kind. Exit code 6 when the result does "
        "not hold.",
};
