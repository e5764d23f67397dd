/* test_chimera.c: two families made up here, which between them have everything an architecture can
 * ask for at once: head and post norms, windows, caps, learned positions, scaled embeddings, fused
 * matrices, local and no rotation, attention beside or before the MLP. What the engine promises of
 * any family holds for them: derivatives, lanes, bits, bounds of memory. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "model/families.h"
#include "support/derive.h"
#include "support/gguf_builder.h"

enum { LAYERS = 4, WIDTH = 10, HEADS = 4, KV = 2, HEAD = 6, INNER = 14, TOKENS = 11, N = 12 };
enum { CONTEXT = 14, OFFSET = 2, WINDOW = 3, QUERY = HEADS * HEAD, KEY = KV * HEAD };

/* ---- The families --------------------------------------------------------------------------- */

/* x + attention(norm(x)) + mlp(norm(x)) */
static const heta_i_op BESIDE[] = {
    HETA_I_NORM(RESIDUAL_BEFORE, NORM_ATTENTION, "attn_norm", .biased = true),
    HETA_I_FUSED_QUERY_KEY_VALUE(.biased = true),
    HETA_I_HEAD_NORM(QUERY, QUERY_NORM, QUERY, "attn_q_norm", .biased = true),
    HETA_I_HEAD_NORM(KEY, KEY_NORM, KEY, "attn_k_norm", .biased = true),
    HETA_I_ROTATED_ATTENTION(QUERY_NORM, KEY_NORM),
    HETA_I_LINEAR(MIX, ATTENTION_OUT, MODEL, "attn_output", .biased = true),
    HETA_I_PLAIN_MLP(NORM_ATTENTION),
    HETA_I_NORM(MLP_OUT, POST_NORM_MLP, "post_ffw_norm"),
    HETA_I_ADD(RESIDUAL_BEFORE, ATTENTION_OUT, RESIDUAL_MIDDLE),
    HETA_I_ADD(RESIDUAL_MIDDLE, POST_NORM_MLP, RESIDUAL_AFTER),
    HETA_I_END,
};

static const heta_i_op BEFORE[] = {
    HETA_I_NORM(RESIDUAL_BEFORE, NORM_ATTENTION, "attn_norm"),
    HETA_I_QUERY_KEY_VALUE(.biased = false),
    HETA_I_HEAD_NORM(QUERY, QUERY_NORM, QUERY, "attn_q_norm"),
    HETA_I_HEAD_NORM(KEY, KEY_NORM, KEY, "attn_k_norm"),
    HETA_I_ROTATED_ATTENTION(QUERY_NORM, KEY_NORM),
    HETA_I_LINEAR(MIX, ATTENTION_OUT, MODEL, "attn_output"),
    HETA_I_NORM(ATTENTION_OUT, POST_NORM_ATTENTION, "post_attention_norm"),
    HETA_I_ADD(RESIDUAL_BEFORE, POST_NORM_ATTENTION, RESIDUAL_MIDDLE),
    HETA_I_NORM(RESIDUAL_MIDDLE, NORM_MLP, "ffn_norm"),
    HETA_I_GATED_MLP(),
    HETA_I_NORM(MLP_OUT, POST_NORM_MLP, "post_ffw_norm"),
    HETA_I_ADD(RESIDUAL_MIDDLE, POST_NORM_MLP, RESIDUAL_AFTER),
    HETA_I_END,
};

static const heta_i_op CAPPED_HEAD[] = {
    HETA_I_NORM(RESIDUAL_AFTER, NORM_FINAL, "output_norm"),
    HETA_I_LINEAR(NORM_FINAL, LOGITS, VOCABULARY, "output", .fallback = "token_embd"),
    HETA_I_SOFT_CAP(),
    HETA_I_END,
};

#define COMMON                                                                                     \
  .learned_positions = true, .position_offset = OFFSET, .scaled_embedding = true,                  \
  .epsilon_key = "epsilon", .head = CAPPED_HEAD

static const heta_i_architecture CHIMERAS[] = {
    {.name = "beside",
     COMMON,
     .norm = HETA_NORM_LAYER,
     .activation = HETA_ACT_GELU,
     .unrotated_period = 2,
     .block = BESIDE},
    {.name = "before",
     COMMON,
     .norm = HETA_NORM_RMS,
     .activation = HETA_ACT_GELU_TANH,
     .rotary_interleaved = true,
     .window_period = 2,
     .local_rotary = true,
     .block = BEFORE},
};
enum { COUNT = sizeof CHIMERAS / sizeof *CHIMERAS };

/* ---- A file of random weights for a family -------------------------------------------------- */

static float *draw(dice *d, size_t count, double around, double spread) {
  double *numbers = dice_normal(d, count);
  float *out = heta_i_arena_take(&d->memory, count, sizeof *out);
  assert_non_null(out);
  for (size_t i = 0; i < count; i++) out[i] = (float)(around + spread * numbers[i]);
  return out;
}

static size_t width_of(heta_i_width width) {
  static const size_t WIDTHS[] = {[HETA_WIDTH_MODEL] = WIDTH,
                                  [HETA_WIDTH_QUERY] = QUERY,
                                  [HETA_WIDTH_KEY] = KEY,
                                  [HETA_WIDTH_FEED_FORWARD] = INNER,
                                  [HETA_WIDTH_VOCABULARY] = TOKENS};
  return WIDTHS[width];
}

/* The tensors of an op; of a fused one with the first of those that share it. */
static void add_op(gguf_builder *b, dice *d, const char *prefix, const heta_i_op *op) {
  if (!op->weight || op->fallback || op->skip[0] != HETA_WIDTH_NONE) return;
  size_t rows = op->kind == HETA_OP_HEAD_NORM ? HEAD : width_of(op->width);
  if (op->fused) rows = QUERY + 2 * KEY;
  char name[64];
  snprintf(name, sizeof name, "%s%s.weight", prefix, op->fused ? op->fused : op->weight);
  size_t columns = op->in[0] == HETA_SITE_MIX          ? QUERY
                   : op->in[0] == HETA_SITE_ACTIVATION ? INNER
                                                       : WIDTH;
  if (op->kind == HETA_OP_LINEAR)
    gguf_matrix(b, name, rows, columns, draw(d, rows * columns, 0, 0.4));
  else
    gguf_vector(b, name, rows, draw(d, rows, 1, 0.3));
  snprintf(name, sizeof name, "%s%s.bias", prefix, op->fused ? op->fused : op->weight);
  if (op->biased) gguf_vector(b, name, rows, draw(d, rows, 0, 0.3));
}

static void add_metadata(gguf_builder *b, const heta_i_architecture *family) {
  static const char *const WORDS[TOKENS] = {"a", "b", "c", "Ġ", "ab", "abc",
                                            "d", "e", "f", "g", "h"};
  const struct {
    const char *key;
    uint32_t value;
  } sizes[] = {{"block_count", LAYERS},
               {"embedding_length", WIDTH},
               {"feed_forward_length", INNER},
               {"attention.head_count", HEADS},
               {"attention.head_count_kv", KV},
               {"attention.key_length", HEAD},
               {"attention.value_length", HEAD},
               {"context_length", CONTEXT},
               {"attention.sliding_window", WINDOW},
               {"rope.dimension_count", HEAD - 2}};
  const struct {
    const char *key;
    float value;
  } numbers[] = {{"epsilon", 1e-3f},
                 {"attn_logit_softcapping", 0.7f},
                 {"final_logit_softcapping", 1.5f},
                 {"rope.freq_base", 50},
                 {"rope.freq_base_swa", family->local_rotary ? 5 : 50}};
  char key[64];
  gguf_string(b, "general.architecture", family->name);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    snprintf(key, sizeof key, "%s.%s", family->name, sizes[i].key);
    gguf_u32(b, key, sizes[i].value);
  }
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    snprintf(key, sizeof key, "%s.%s", family->name, numbers[i].key);
    gguf_f32(b, key, numbers[i].value);
  }
  const char *merges[] = {"a b", "ab c"};
  gguf_string(b, "tokenizer.ggml.model", "gpt2");
  gguf_string(b, "tokenizer.ggml.pre", "gpt-2");
  gguf_strings(b, "tokenizer.ggml.tokens", WORDS, TOKENS);
  gguf_strings(b, "tokenizer.ggml.merges", merges, 2);
}

static heta_model *make_model(const heta_i_architecture *family, dice *d) {
  gguf_builder *b = gguf_new();
  add_metadata(b, family);
  gguf_matrix(b, "token_embd.weight", TOKENS, WIDTH, draw(d, TOKENS * WIDTH, 0, 0.3));
  gguf_matrix(b, "position_embd.weight", CONTEXT + OFFSET, WIDTH,
              draw(d, (CONTEXT + OFFSET) * WIDTH, 0, 0.5));
  for (size_t layer = 0; layer < LAYERS; layer++) {
    char prefix[32];
    snprintf(prefix, sizeof prefix, "blk.%zu.", layer);
    for (const heta_i_op *op = family->block; op->out != HETA_SITE_NONE; op++)
      add_op(b, d, prefix, op);
  }
  for (const heta_i_op *op = family->head; op->out != HETA_SITE_NONE; op++) add_op(b, d, "", op);
  gguf_image image = gguf_build(b);
  char path[GGUF_PATH];
  gguf_save(&image, path);
  gguf_free(&image);
  heta_model *model = NULL;
  heta_error error = {0};
  derive_ok(heta_i_model_open(path, family, &model, &error), &error);
  unlink(path);
  return model;
}

/* ---- Subjects ------------------------------------------------------------------------------- */

typedef struct subject {
  heta_model *model;
  heta_i_engine *engine;
  int32_t ids[N];
  double *input; /* their embeddings */
  dice d;
} subject;

/* The same weights and numbers for the same family and seed. */
static subject open_subject(size_t family, const fixture_kind *kind, bool expand, bool recompute,
                            int threads) {
  subject s = {.d = {.seed = 40 + family}};
  s.model = make_model(&CHIMERAS[family], &s.d);
  s.engine = fixture_engine(s.model, kind, CONTEXT, 64, expand, recompute, threads);
  for (size_t i = 0; i < N; i++) s.ids[i] = (int32_t)dice_below(&s.d, TOKENS);
  s.input = dice_zeros(&s.d, N * WIDTH);
  s.engine->api->embed(s.engine, s.ids, N, s.input);
  return s;
}

static void close_subject(subject *s) {
  s->engine->api->close(s->engine);
  heta_model_close(s->model);
  dice_free(&s->d);
}

static const heta_i_seed SEEDS[] = {{5, 3, 1, HETA_SEED_LOGIT_PROB},
                                    {N - 1, 4, 1.5, HETA_SEED_LOGPROB},
                                    {N - 1, 7, -0.5, HETA_SEED_PROB}};

static derive function_of(subject *s) {
  return (derive){s->engine, heta_i_lane_of(s->ids, N), 0, SEEDS, 3};
}

/* ---- What holds ----------------------------------------------------------------------------- */

/* From the embeddings, and from a residual in the middle, which nothing scales. */
static void derivatives(void **state) {
  (void)state;
  for (size_t family = 0; family < COUNT; family++)
    for (int recompute = 0; recompute < 2; recompute++) {
      subject s = open_subject(family, &FIXTURE_KINDS[0], !recompute, recompute, 1);
      derive f = function_of(&s);
      derive_check(&f, CHIMERAS[family].name, s.input, &s.d);
      f.begin = 1;
      derive_check(&f, CHIMERAS[family].name, dice_normal(&s.d, N * WIDTH), &s.d);
      close_subject(&s);
    }
}

/* The residual that enters block 0 is the scaled embedding and the position's row. */
static void input_is_scaled_and_placed(void **state) {
  (void)state;
  const uint32_t positions[N] = {0, 1, 2, 3, 7, 8, 9, 10, 11, 4, 5, 6};
  subject s = open_subject(0, &FIXTURE_KINDS[0], true, false, 1);
  double *residual = dice_zeros(&s.d, N * WIDTH), wanted[N * WIDTH];
  heta_i_capture capture = {HETA_SITE_RESIDUAL_BEFORE, 0, residual};
  derive f = function_of(&s);
  f.lane.positions = positions;
  f.lane.captures = &capture;
  f.lane.capture_count = 1;
  heta_i_run *run = derive_run(&f, s.input);
  float row[WIDTH];
  for (size_t i = 0; i < N; i++) {
    heta_i_tensor_rows(s.model->position_embedding, positions[i] + OFFSET, 1, row);
    for (size_t c = 0; c < WIDTH; c++)
      wanted[i * WIDTH + c] = sqrt(WIDTH) * s.input[i * WIDTH + c] + (double)row[c];
  }
  fixture_close("the first residual", residual, wanted, N * WIDTH, 1e-15);
  s.engine->api->run_free(run);
  uint32_t beyond[N] = {[N - 1] = CONTEXT};
  heta_i_lane lane = heta_i_lane_of(s.ids, N);
  lane.positions = beyond;
  size_t last = N - 1;
  heta_error error = {0};
  assert_int_not_equal(s.engine->api->run(s.engine, &lane, 0, &last, 1, &run, &error), HETA_OK);
  close_subject(&s);
}

/* Through LAYERS windows of three keys a row reaches 2 · LAYERS rows back, and not one further. */
static void reach(void **state) {
  (void)state;
  subject s = open_subject(0, &FIXTURE_KINDS[0], true, false, 1);
  enum { BACK = LAYERS * (WINDOW - 1) };
  derive f = function_of(&s);
  f.seeds = &SEEDS[1];
  f.seed_count = 1;
  double gradient[N * WIDTH];
  derive_value(&f, s.input, gradient);
  for (size_t row = 0; row < N; row++) {
    double most = largest_of(gradient + row * WIDTH, WIDTH);
    if ((row + BACK >= N - 1) != (most > 0))
      fail_msg("row %zu of %d: the largest gradient is %g", row, N, most);
  }
  close_subject(&s);
}

static void products_of(subject *s, double *gradient, double *products) {
  dice same = {.seed = 77};
  double *directions = dice_normal(&same, 2 * N * WIDTH);
  derive f = function_of(s);
  derive_value(&f, s->input, gradient);
  derive_products(&f, s->input, directions, 2, products);
  dice_free(&same);
}

/* Float on both backends against double. */
static void precisions(void **state) {
  (void)state;
  for (size_t family = 0; family < COUNT; family++) {
    double wanted[3][N * WIDTH], found[3][N * WIDTH];
    for (const fixture_kind *kind = FIXTURE_KINDS; kind->name; kind++) {
      subject s = open_subject(family, kind, true, false, 1);
      bool exact = kind->precision == HETA_PRECISION_F64;
      products_of(&s, exact ? wanted[0] : found[0], exact ? wanted[1] : found[1]);
      for (int i = 0; i < 3 && !exact; i++)
        fixture_close(kind->name, found[i], wanted[i], N * WIDTH, 1e-4);
      close_subject(&s);
    }
  }
}

/* Panels, recomputing and threads change no bit. */
static void bits(void **state) {
  (void)state;
  for (size_t family = 0; family < COUNT; family++)
    for (const fixture_kind *kind = FIXTURE_KINDS; kind->name; kind++) {
      double wanted[3][N * WIDTH], found[3][N * WIDTH];
      for (int way = 0; way < 8; way++) {
        subject s = open_subject(family, kind, way & 1, way >> 1 & 1, way & 4 ? 3 : 1);
        products_of(&s, way ? found[0] : wanted[0], way ? found[1] : wanted[1]);
        if (way && memcmp(found, wanted, sizeof found))
          fail_msg("%s, %s: expand %d, recompute %d, threads %d change bits", CHIMERAS[family].name,
                   kind->name, way & 1, way >> 1 & 1, way & 4 ? 3 : 1);
        close_subject(&s);
      }
    }
}

/* Lanes from any row on, with an edited or a hidden token or other positions, against whole runs.
 */
static void lanes(void **state) {
  (void)state;
  for (size_t family = 0; family < COUNT; family++)
    for (const fixture_kind *kind = FIXTURE_KINDS; kind->name; kind++) {
      subject s = open_subject(family, kind, true, false, 2);
      const heta_i_engine_api *api = s.engine->api;
      uint32_t positions[N];
      for (size_t i = 0; i < N; i++) positions[i] = (uint32_t)(i < 6 ? i : i + 2);
      double *edit = dice_normal(&s.d, WIDTH), found[6 * N], wanted[6 * N];
      size_t last = N - 1;
      const int32_t target = 4;
      heta_i_lane set[6 * N], clean = heta_i_lane_of(s.ids, N);
      heta_i_run *parent = NULL;
      heta_error error = {0};
      derive_ok(api->run(s.engine, &clean, 0, &last, 1, &parent, &error), &error);
      for (size_t i = 0; i < 6 * N; i++) {
        size_t row = i / 6, kind_of = i % 3;
        set[i] = heta_i_lane_of(s.ids, N);
        if (kind_of == 0) set[i].edit_row = row, set[i].edit = edit;
        if (kind_of == 1) set[i].hidden_key = row;
        if (kind_of == 2) set[i].positions = row == 6 ? positions : NULL;
        if (i % 6 > 2) set[i].parent = parent, set[i].first = row;
      }
      heta_i_readout readout = {.rows = 1, .row = &last, .token = &target, .logprob = found};
      derive_ok(api->lanes(s.engine, set, 6 * N, &readout, &error), &error);
      for (size_t i = 0; i < 6 * N; i++) {
        heta_i_run *run = NULL;
        double logprobs[TOKENS];
        set[i].parent = NULL;
        set[i].first = 0;
        derive_ok(api->run(s.engine, &set[i], 0, &last, 1, &run, &error), &error);
        api->logprobs(run, 0, logprobs);
        wanted[i] = logprobs[target];
        api->run_free(run);
      }
      fixture_close(kind->name, found, wanted, 6 * N,
                    kind->precision == HETA_PRECISION_F64 ? 1e-13 : 2e-5);
      assert_true(fabs(wanted[6 * 6 + 2] - wanted[2]) > 1e-4); /* positions do matter */
      api->run_free(parent);
      close_subject(&s);
    }
}

typedef struct seen {
  size_t heads;
  double *probabilities; /* [HEADS × N × N] */
} seen;

static void see(void *context, size_t head, const double *probabilities) {
  seen *s = context;
  assert_int_equal(head, s->heads++);
  memcpy(s->probabilities + head * N * N, probabilities, N * N * sizeof *probabilities);
}

/* Probabilities handed over head by head are those captured at once, under overrides too. */
static void heads_in_turn(void **state) {
  (void)state;
  const heta_i_override change = {HETA_SITE_PROBABILITIES, 2, 4, 1, 0.5, NULL};
  for (const fixture_kind *kind = FIXTURE_KINDS; kind->name; kind++)
    for (int threads = 1; threads < 6; threads += 2) {
      subject s = open_subject(1, kind, true, threads == 3, threads);
      const heta_i_engine_api *api = s.engine->api;
      derive f = function_of(&s);
      f.lane.overrides = &change;
      f.lane.override_count = 1;
      heta_i_run *run = derive_run(&f, s.input);
      double *wanted = dice_zeros(&s.d, HEADS * N * N), sum = 0;
      for (size_t block = 0; block < LAYERS; block++) {
        seen found = {0, dice_zeros(&s.d, HEADS * N * N)};
        heta_i_capture capture = {HETA_SITE_PROBABILITIES, block, wanted};
        heta_error error = {0};
        derive_ok(api->inspect(s.engine, run, block, &capture, 1, &error), &error);
        derive_ok(api->attend(s.engine, run, block, see, &found, &error), &error);
        assert_int_equal(found.heads, HEADS);
        assert_memory_equal(found.probabilities, wanted, HEADS * N * N * sizeof *wanted);
        for (size_t e = 0; e < HEADS * N * N; e++) sum += wanted[e];
      }
      assert_true(fabs(sum - (LAYERS * HEADS * N - 0.5)) < 1e-4);
      api->run_free(run);
      close_subject(&s);
    }
}

static void ignore(void *context, size_t head, const double *probabilities) {
  (void)context, (void)head, (void)probabilities;
}

/* No engine takes more than was said. */
static void memory(void **state) {
  (void)state;
  for (size_t family = 0; family < COUNT; family++)
    for (const fixture_kind *kind = FIXTURE_KINDS; kind->name; kind++)
      for (int way = 0; way < 4; way++) {
        subject s = open_subject(family, kind, way & 1, way >> 1, 2);
        heta_i_engine_settings settings = {.model = s.model,
                                           .backend = kind->backend,
                                           .threads = 2,
                                           .positions = CONTEXT,
                                           .lane_rows = 3 * HETA_ROW_PAD,
                                           .expand = way & 1,
                                           .recompute = way >> 1};
        double gradient[N * WIDTH], products[2 * N * WIDTH];
        products_of(&s, gradient, products);
        derive f = function_of(&s);
        heta_i_run *run = derive_run(&f, s.input);
        heta_error error = {0};
        derive_ok(s.engine->api->attend(s.engine, run, 1, ignore, NULL, &error), &error);
        s.engine->api->run_free(run);
        heta_i_load load = {.length = N, .targets = 2, .adjoints = 1, .probes = true};
        assert_in_range(s.engine->api->peak_bytes(s.engine), 1,
                        s.engine->api->bytes(&settings, &load));
        close_subject(&s);
      }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(derivatives),   cmocka_unit_test(input_is_scaled_and_placed),
      cmocka_unit_test(reach),         cmocka_unit_test(precisions),
      cmocka_unit_test(bits),          cmocka_unit_test(lanes),
      cmocka_unit_test(heads_in_turn), cmocka_unit_test(memory)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
