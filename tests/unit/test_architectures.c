/* test_architectures.c: the table of architectures and the loader: what every family reads from its
 * file, and that a file with one thing missing, of another shape, contradictory or beyond the table
 * is refused with the sentence that says so. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/fixture.h"
#include "support/gguf_copy.h"
#include "support/refusal.h"

/* ---- What is read ---------------------------------------------------------------------------- */

/* Every name of the table stands in the list that messages print. */
static void names(void **state) {
  (void)state;
  static const char *const FILES[] = {"gemma",   "gemma2",    "gemma3", "gpt2", "gptj",
                                      "gptneox", "llama-mha", "opt",    "phi2", "phi3",
                                      "qwen2",   "qwen3",     "smollm3"};
  char all[256] = "";
  for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++) {
    heta_model *model = fixture_model(FILES[i]);
    size_t at = strlen(all);
    snprintf(all + at, sizeof all - at, "%s%s", at ? ", " : "",
             heta_model_get_info(model)->architecture);
    heta_model_close(model);
  }
  assert_string_equal(all, heta_i_architecture_names());
}

static void layers(void **state) {
  (void)state;
  static const struct {
    const char *model;
    const char *layers; /* per layer: its window, then g(lobal), l(ocal) or - for its rotation */
  } EXPECTED[] = {
      {"gemma2", "4g 0g 4g"},
      {"gemma3", "4l 4l 4l 4l 4l 0g 4l"},
      {"smollm3", "0g 0g 0g 0- 0g"},
      {"mistral", "4g 4g"},
      {"phi3", "5g 5g"},
      {"gpt2", "0- 0- 0-"},
      {"opt", "0- 0-"},
      {"qwen2", "0g 0g"},
  };
  for (size_t i = 0; i < sizeof EXPECTED / sizeof *EXPECTED; i++) {
    heta_model *model = fixture_model(EXPECTED[i].model);
    char found[128] = "";
    for (size_t l = 0; l < model->hyper.layers; l++) {
      size_t at = strlen(found);
      snprintf(found + at, sizeof found - at, "%s%zu%c", at ? " " : "",
               model->hyper.layer[l].window, "-gl"[model->hyper.layer[l].rotary + 1]);
    }
    if (strcmp(found, EXPECTED[i].layers))
      fail_msg("%s: layers %s, expected %s", EXPECTED[i].model, found, EXPECTED[i].layers);
    heta_model_close(model);
  }
}

static heta_status open_built(gguf_builder *b, heta_model **out, heta_error *error) {
  char path[GGUF_PATH];
  gguf_image image = gguf_build(b);
  gguf_save(&image, path);
  gguf_free(&image);
  heta_status status = heta_model_open(path, out, error);
  unlink(path);
  return status;
}

static heta_model *opened(gguf_builder *b) {
  heta_model *model = NULL;
  heta_error error = {0};
  if (open_built(b, &model, &error)) fail_msg("%s", error.message);
  return model;
}

/* A file may say itself which layers have the window. */
static void window_patterns(void **state) {
  (void)state;
  static const char KEY[] = "gemma3.attention.sliding_window_pattern";
  const int64_t whole[] = {0, 1, 0, 0, 0, 1, 1};
  const unsigned char bools[] = {GGUF_BOOL, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1};
  for (int form = 0; form < 3; form++) {
    gguf_builder *b = gguf_copy("gemma3", NULL);
    if (form == 0) gguf_u32(b, KEY, 2);
    if (form == 1) gguf_integers(b, KEY, GGUF_I64, whole, 7);
    if (form == 2) gguf_raw(b, KEY, GGUF_ARRAY, bools, sizeof bools);
    heta_model *model = opened(b);
    for (size_t l = 0; l < 7; l++) {
      bool windowed = form ? whole[l] : (l + 1) % 2 != 0;
      assert_int_equal(model->hyper.layer[l].window, windowed ? 4 : 0);
      assert_int_equal(model->hyper.layer[l].rotary,
                       windowed ? HETA_ROTARY_LOCAL : HETA_ROTARY_GLOBAL);
    }
    heta_model_close(model);
  }
}

/* Angles, by hand: base^(-2i/dims) over the factor. */
static void angles(void **state) {
  (void)state;
  heta_model *model = fixture_model("gemma3");
  const heta_i_rotary *global = &model->hyper.rotary[HETA_ROTARY_GLOBAL],
                      *local = &model->hyper.rotary[HETA_ROTARY_LOCAL];
  double factor;
  assert_true(heta_i_file_number(model->file, "gemma3.rope.scaling.factor", &factor));
  assert_true(factor > 1 && global->dims == 6 && local->dims == 6);
  for (size_t i = 0; i < 3; i++) {
    double exponent = -2.0 * (double)i / 6;
    assert_true(fabs(global->frequency[i] * factor / pow(1e6, exponent) - 1) < 1e-12);
    assert_true(fabs(local->frequency[i] / pow(1e4, exponent) - 1) < 1e-12);
  }
  assert_null(global->frequency_long);
  heta_model_close(model);
  model = fixture_model("phi3-long");
  global = &model->hyper.rotary[HETA_ROTARY_GLOBAL];
  assert_true(global->frequency_long && global->long_from > 1 && global->magnitude > 1);
  assert_true(fabs(global->magnitude - global->magnitude_long) < 1e-15);
  heta_model_close(model);
}

/* YaRN: high frequencies stay, low ones are divided, and those between in part. */
static void yarn(void **state) {
  (void)state;
  heta_model *model = fixture_model("qwen3-yarn");
  const heta_i_rotary *rotary = &model->hyper.rotary[HETA_ROTARY_GLOBAL];
  double before = 0;
  for (size_t i = 0; i < 8; i++) {
    double divisor = pow(100, -(double)i / 8) / rotary->frequency[i];
    assert_true(i ? divisor > before || divisor == 4 : divisor == 1);
    before = divisor;
  }
  assert_true(before == 4);
  assert_true(fabs(rotary->magnitude - (1 + 0.1 * log(4))) < 1e-15);
  heta_model_close(model);
}

/* A linear factor counts with and without a scaling type, unless the type is none. */
static void linear_factors(void **state) {
  (void)state;
  static const struct {
    const char *type, *key;
    double divided;
  } CASES[] = {{NULL, "qwen2.rope.scaling.factor", 4},
               {"linear", "qwen2.rope.scaling.factor", 4},
               {NULL, "qwen2.rope.scale_linear", 4},
               {"none", "qwen2.rope.scaling.factor", 1}};
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    gguf_builder *b = gguf_copy("qwen2", NULL);
    if (CASES[i].type) gguf_string(b, "qwen2.rope.scaling.type", CASES[i].type);
    gguf_f32(b, CASES[i].key, 4);
    heta_model *model = opened(b);
    assert_true(model->hyper.rotary[HETA_ROTARY_GLOBAL].frequency[0] * CASES[i].divided == 1);
    heta_model_close(model);
  }
}

/* The scale of attention: from the head's width, from the model's where the family's largest has
 * it, or as the file says. */
static void attention_scales(void **state) {
  (void)state;
  heta_model *model = fixture_model("gemma2");
  assert_true(fabs(model->hyper.attention_scale * sqrt(6) - 1) < 1e-15);
  assert_true(fabs(model->hyper.embedding_scale / sqrt(20) - 1) < 1e-15);
  heta_model_close(model);
  model = fixture_model("gemma2-scale");
  assert_true(model->hyper.attention_scale == 0.25);
  heta_i_architecture largest = *model->architecture;
  heta_model_close(model);
  largest.wide_layers = 3;
  char path[512];
  snprintf(path, sizeof path, "%s/data/tiny/gemma2.gguf", HETA_TESTS_DIR);
  heta_error error = {0};
  assert_int_equal(heta_i_model_open(path, &largest, &model, &error), HETA_OK);
  assert_true(fabs(model->hyper.attention_scale * sqrt(20.0 / 4) - 1) < 1e-15);
  heta_model_close(model);
}

/* ---- What is refused ------------------------------------------------------------------------- */

typedef struct flaw {
  const char *model, *without; /* key or tensor that is left out, or NULL */
  const char *add;             /* key or tensor that is put in, or NULL */
  uint32_t type;               /* of the key, or … */
  double number;
  const char *text;
  size_t rows, columns; /* … the shape of the tensor; rows 0: a vector */
  heta_status status;
  const char *said;
} flaw;

/* The key or tensor is left out. */
#define MISSING(model_, name, sentence)                                                            \
  { .model = model_, .without = name, .status = HETA_E_FORMAT, .said = sentence }
/* A key is added, or another value stands in its place. */
#define NUMBER(model_, key, type_, value, status_, sentence)                                       \
  {                                                                                                \
    .model = model_, .add = key, .type = GGUF_##type_, .number = value,                            \
    .status = HETA_E_##status_, .said = sentence                                                   \
  }
#define OTHER_NUMBER(model_, key, type_, value, sentence)                                          \
  {                                                                                                \
    .model = model_, .without = key, .add = key, .type = GGUF_##type_, .number = value,            \
    .status = HETA_E_FORMAT, .said = sentence                                                      \
  }
#define WORD(model_, key, value, status_, sentence)                                                \
  {                                                                                                \
    .model = model_, .add = key, .type = GGUF_STRING, .text = value, .status = HETA_E_##status_,   \
    .said = sentence                                                                               \
  }
#define OTHER_WORD(model_, key, value, status_, sentence)                                          \
  {                                                                                                \
    .model = model_, .without = key, .add = key, .type = GGUF_STRING, .text = value,               \
    .status = HETA_E_##status_, .said = sentence                                                   \
  }
/* A tensor of zeros is added, or stands in the place of another; rows 0: a vector. */
#define TENSOR(model_, name, rows_, columns_, sentence)                                            \
  {                                                                                                \
    .model = model_, .add = name, .rows = rows_, .columns = columns_,                              \
    .status = HETA_E_UNSUPPORTED, .said = sentence                                                 \
  }
#define OTHER_TENSOR(model_, name, rows_, columns_, sentence)                                      \
  {                                                                                                \
    .model = model_, .without = name, .add = name, .rows = rows_, .columns = columns_,             \
    .status = HETA_E_FORMAT, .said = sentence                                                      \
  }

static const flaw FLAWS[] = {
    /* Tensors that are not there. */
    MISSING("llama-gqa", "blk.1.attn_q.weight",
            "tensor blk.1.attn_q.weight is missing; the file is incomplete or of another "
            "architecture than 'llama'"),
    MISSING("gpt2", "blk.2.attn_qkv.weight",
            "tensor blk.2.attn_q.weight (or attn_qkv.weight) is missing"),
    MISSING("gpt2", "blk.0.attn_qkv.bias", "tensor blk.0.attn_qkv.bias is missing"),
    MISSING("gpt2", "position_embd.weight", "tensor position_embd.weight is missing"),
    MISSING("phi3", "blk.0.ffn_up.weight", "tensor blk.0.ffn_up.weight is missing"),
    MISSING("qwen2", "blk.0.attn_k.bias", "tensor blk.0.attn_k.bias is missing"),
    MISSING("qwen3", "blk.0.attn_k_norm.weight", "blk.0.attn_k_norm.weight is missing"),
    MISSING("gemma2", "blk.2.post_ffw_norm.weight", "post_ffw_norm.weight is missing"),
    MISSING("phi2", "output.bias", "tensor output.bias is missing"),
    MISSING("gptj", "output.weight", "tensor output.weight is missing"),
    MISSING("opt", "output_norm.bias", "tensor output_norm.bias is missing"),
    MISSING("phi3-long", "rope_factors_short.weight",
            "tensor rope_factors_short.weight is missing; the file is incomplete"),
    MISSING("gptneox", "token_embd.weight", "this file holds no model weights"),
    /* Metadata that is not there. */
    MISSING("gptneox", "gptneox.use_parallel_residual",
            "metadata gptneox.use_parallel_residual is missing"),
    MISSING("gemma2", "gemma2.attn_logit_softcapping",
            "metadata gemma2.attn_logit_softcapping is missing; convert the model again"),
    MISSING("gemma3", "gemma3.attention.sliding_window", "sliding_window is missing"),
    MISSING("qwen3", "qwen3.attention.layer_norm_rms_epsilon", "epsilon is missing"),
    MISSING("phi2", "phi2.block_count", "metadata phi2.block_count is missing"),
    MISSING("phi3-long", "phi3.rope.scaling.attn_factor",
            "metadata phi3.rope.scaling.attn_factor is missing"),
    MISSING("phi3-long", "phi3.rope.scaling.original_context_length",
            "original_context_length is missing"),
    MISSING("qwen3-yarn", "qwen3.rope.scaling.original_context_length",
            "original_context_length is missing"),
    MISSING("qwen3-yarn", "qwen3.rope.scaling.factor", "rope.scaling.factor is missing"),
    MISSING("llama-mha", "general.architecture", "general.architecture is missing"),
    /* Tensors of another shape. */
    OTHER_TENSOR("gpt2", "blk.0.attn_qkv.weight", 59, 20,
                 "tensor blk.0.attn_qkv.weight should be 60 × 20 (rows × columns), the file has "
                 "59 × 20"),
    OTHER_TENSOR("gpt2", "blk.0.attn_qkv.bias", 0, 20,
                 "tensor blk.0.attn_qkv.bias should have 60 entries, the file has 20"),
    OTHER_TENSOR("gpt2", "position_embd.weight", 23, 20, "position_embd.weight should be "),
    OTHER_TENSOR("qwen3", "blk.0.attn_q_norm.weight", 0, 99, "entries, the file has 99"),
    OTHER_TENSOR("phi3-long", "rope_factors_long.weight", 0, 4,
                 "tensor rope_factors_long.weight should be F32 [3], one factor per RoPE pair"),
    OTHER_TENSOR("phi3-long", "rope_factors_long.weight", 0, 3,
                 "tensor rope_factors_long.weight, entry 0 is 0, not a positive factor"),
    /* Tensors that the program does not read. */
    TENSOR("llama-gqa", "blk.0.attn_q_norm.weight", 0, 6,
           "tensor blk.0.attn_q_norm.weight has no place in a model of 3 layers of the "
           "architecture 'llama'"),
    TENSOR("llama-gqa", "blk.3.attn_norm.weight", 0, 24, "blk.3.attn_norm.weight has no place"),
    TENSOR("llama-gqa", "blk.0.ffn_gate_inp.weight", 2, 24, "ffn_gate_inp.weight has no place"),
    TENSOR("llama-gqa", "position_embd.weight", 64, 24, "position_embd.weight has no place"),
    TENSOR("gpt2", "rope_freqs.weight", 0, 2, "tensor rope_freqs.weight has no place"),
    TENSOR("opt", "project_in.weight", 4, 4, "tensor project_in.weight has no place"),
    TENSOR("opt", "blk.0.attn_q.scale", 0, 4, "tensor blk.0.attn_q.scale has no place"),
    TENSOR("opt", "blk.x.attn_q.weight", 0, 4, "tensor blk.x.attn_q.weight has no place"),
    TENSOR("opt", "blk.0..weight", 0, 4, "tensor blk.0..weight has no place"),
    /* Metadata that asks for what the table does not have. */
    NUMBER("llama-gqa", "llama.expert_count", U32, 8, UNSUPPORTED,
           "a mixture-of-experts model (8 experts); heta supports dense models"),
    NUMBER("phi3", "phi3.attention.causal", BOOL, 0, UNSUPPORTED, "its attention is not causal"),
    NUMBER("llama-gqa", "llama.logit_scale", F32, 0.0625, UNSUPPORTED,
           "metadata llama.logit_scale is 0.0625; heta computes models of this architecture "
           "without it only"),
    NUMBER("gpt2", "gpt2.attention.max_alibi_bias", F32, 8, UNSUPPORTED,
           "metadata gpt2.attention.max_alibi_bias is 8"),
    NUMBER("llama-gqa", "llama.final_logit_softcapping", F32, 30, UNSUPPORTED,
           "final_logit_softcapping is 30; heta computes no such cap for the architecture 'llama'"),
    NUMBER("gemma3", "gemma3.attention.key_length_swa", U32, 8, UNSUPPORTED,
           "heads of different width (attention.key_length 6, attention.key_length_swa 8)"),
    NUMBER("qwen3-yarn", "qwen3.rope.scaling.yarn_log_multiplier", F32, 0.1, UNSUPPORTED,
           "RoPE scaling 'yarn' with an extrapolation factor"),
    NUMBER(
        "gemma2", "gemma2.rope.freq_base_swa", F32, 20000, UNSUPPORTED,
        "layers with a window rotate 6 elements of a head by base 20000, others 6 by base 10000, "
        "which heta does not compute for the architecture 'gemma2'"),
    NUMBER("gemma3", "gemma3.rope.dimension_count_swa", U32, 4, UNSUPPORTED,
           "layers with a window rotate 4 elements of a head"),
    WORD("qwen2", "qwen2.rope.scaling.type", "dynamic", UNSUPPORTED,
         "RoPE scaling 'dynamic' is not supported"),
    WORD("qwen2", "qwen2.rope.scaling.type", "longrope", FORMAT,
         "RoPE scaling 'longrope' needs the tensor rope_factors_long.weight, which is missing"),
    /* Metadata that contradicts itself or the weights. */
    NUMBER("gemma3", "gemma3.attention.sliding_window_pattern", BOOL, 1, FORMAT,
           "sliding_window_pattern is of type bool, and should be one whole number"),
    OTHER_NUMBER("gemma2", "gemma2.attn_logit_softcapping", F32, -1,
                 "is -1; a cap is positive, or 0 for none"),
    OTHER_NUMBER("gemma3", "gemma3.attention.sliding_window", U32, 0,
                 "sliding_window is 0, outside 1 … "),
    OTHER_NUMBER("gemma2", "gemma2.attention.head_count", U32, 5,
                 "5 heads cannot share 2 key/value heads"),
    OTHER_NUMBER("gpt2", "gpt2.attention.head_count", U32, 3,
                 "3 heads do not divide a width of 20"),
    OTHER_NUMBER("phi2", "phi2.rope.dimension_count", U32, 3, "is 3, an odd number"),
    OTHER_NUMBER("phi2", "phi2.rope.dimension_count", U32, 1000, "is 1000, outside 1 … 10"),
    OTHER_NUMBER("gptneox", "gptneox.use_parallel_residual", U32, 1,
                 "use_parallel_residual is missing or not yes or no"),
    OTHER_WORD("phi2", "phi2.block_count", "3", FORMAT,
               "metadata phi2.block_count is of type string, and should be one whole number"),
    NUMBER("qwen2", "qwen2.attention.scale", F32, 0, FORMAT, "attention.scale is 0, not positive"),
    NUMBER("qwen2", "qwen2.rope.scaling.factor", F32, -2, FORMAT,
           "metadata qwen2.rope.scaling.factor is -2, not positive"),
    NUMBER("gemma3", "gemma3.rope.freq_base_swa", F32, 0, FORMAT,
           "metadata gemma3.rope.freq_base_swa is 0, not positive"),
    NUMBER("qwen2", "qwen2.rope.scaling.attn_factor", F32, (double)INFINITY, FORMAT,
           "attn_factor is not a finite number"),
    NUMBER("qwen3-yarn", "qwen3.rope.scaling.yarn_beta_slow", F32, 0, FORMAT,
           "yarn_beta_slow is 0, not positive"),
    /* Names that are not in the table. */
    OTHER_WORD("llama-mha", "general.architecture", "qwen3moe", UNSUPPORTED,
               "architecture 'qwen3moe' is a mixture of experts; heta supports dense models"),
    OTHER_WORD("llama-mha", "general.architecture", "mamba", UNSUPPORTED,
               "architecture 'mamba' is not supported (supported: gemma, gemma2, "),
};

static void add_part(gguf_builder *b, const flaw *f) {
  if (f->columns && f->rows)
    gguf_matrix(b, f->add, f->rows, f->columns, NULL);
  else if (f->columns)
    gguf_vector(b, f->add, f->columns, NULL);
  else if (f->type == GGUF_STRING)
    gguf_string(b, f->add, f->text);
  else if (f->type == GGUF_BOOL)
    gguf_bool(b, f->add, f->number > 0);
  else if (f->type == GGUF_F32)
    gguf_f32(b, f->add, (float)f->number);
  else
    gguf_integer(b, f->add, f->type, (int64_t)f->number);
}

static void flaws(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof FLAWS / sizeof *FLAWS; i++) {
    const flaw *f = &FLAWS[i];
    char what[256];
    snprintf(what, sizeof what, "%s without %s, with %s", f->model,
             f->without ? f->without : "nothing", f->add ? f->add : "nothing");
    gguf_builder *b = gguf_copy(f->model, f->without);
    if (f->add) add_part(b, f);
    heta_model *model = NULL;
    heta_error error = {0};
    heta_status status = open_built(b, &model, &error);
    refusal_check(what, status, f->status, &error, error.offset, f->said);
    assert_null(model);
  }
}

/* A pattern that does not fit the layers. */
static void wrong_patterns(void **state) {
  (void)state;
  const int64_t values[] = {0, 1, 0, 0, 0, 1, 2};
  for (size_t count = 6; count <= 7; count++) {
    gguf_builder *b = gguf_copy("gemma3", NULL);
    gguf_integers(b, "gemma3.attention.sliding_window_pattern", GGUF_I32, values, count);
    heta_model *model = NULL;
    heta_error error = {0};
    heta_status status = open_built(b, &model, &error);
    refusal_check("a pattern", status, HETA_E_FORMAT, &error, error.offset,
                  "metadata gemma3.attention.sliding_window_pattern should say yes or no for each "
                  "of 7 layers");
  }
}

/* Copies open: it is the flaw that is refused. */
static void copies(void **state) {
  (void)state;
  static const char *const FILES[] = {"gemma2",    "gemma3",  "gpt2",  "gptj",
                                      "gptneox",   "mistral", "opt",   "phi2",
                                      "phi3-long", "qwen2",   "qwen3", "smollm3"};
  for (size_t i = 0; i < sizeof FILES / sizeof *FILES; i++)
    heta_model_close(opened(gguf_copy(FILES[i], NULL)));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names),
      cmocka_unit_test(layers),
      cmocka_unit_test(window_patterns),
      cmocka_unit_test(angles),
      cmocka_unit_test(yarn),
      cmocka_unit_test(linear_factors),
      cmocka_unit_test(attention_scales),
      cmocka_unit_test(copies),
      cmocka_unit_test(flaws),
      cmocka_unit_test(wrong_patterns),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
