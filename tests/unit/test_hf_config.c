/* test_hf_config.c: what a folder's config.json may say: older spellings that mean the same, and
 * everything that is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/hugging_face.h"
#include "support/folder.h"
#include "support/refusal.h"

#define TINY HETA_TESTS_DIR "/data/tiny/"

/* Sets the keys of `changes` in the object; a value "-" removes the key. */
static void change(json_t *object, const char *changes) {
  json_error_t wrong;
  const char *key;
  json_t *value, *update = json_loads(changes, JSON_ALLOW_NUL, &wrong);
  if (!update) fail_msg("%s: %s", changes, wrong.text);
  json_object_foreach(update, key, value) {
    if (json_is_string(value) && !strcmp(json_string_value(value), "-"))
      json_object_del(object, key);
    else
      json_object_set(object, key, value);
  }
  json_decref(update);
}

/* Opens a tiny model whose config.json was changed so. *file is NULL after a failure. */
static heta_status open_changed(const char *model, const char *changes, heta_i_file **file,
                                heta_error *error) {
  char from[512], folder[FOLDER_PATH];
  size_t size;
  snprintf(from, sizeof from, TINY "%s", model);
  folder_make(folder);
  folder_copy(from, folder);
  char *text = folder_read(folder, "config.json", &size);
  json_t *config = json_loads(text, 0, NULL);
  heta_i_free(text);
  assert_non_null(config);
  change(config, changes);
  text = json_dumps(config, 0);
  folder_text(folder, "config.json", text);
  free(text);
  json_decref(config);
  heta_status status = heta_i_file_open(folder, file, error);
  if (!status) status = heta_i_hugging_face_translate(file, error);
  if (status) {
    heta_i_file_close(*file);
    *file = NULL;
  }
  folder_remove(folder);
  return status;
}

static heta_i_file *opened(const char *model, const char *changes) {
  heta_i_file *file = NULL;
  heta_error error = {0};
  if (open_changed(model, changes, &file, &error))
    fail_msg("%s %s: %s", model, changes, error.message);
  return file;
}

/* ---- The same in other words ----------------------------------------------------------------- */

static void same_vector(const char *what, const heta_i_tensor *a, const heta_i_tensor *b) {
  float x[64], y[64];
  assert_true(a->shape[0] <= 64 && b && b->shape[0] == a->shape[0]);
  heta_i_tensor_rows(a, 0, 1, x);
  heta_i_tensor_rows(b, 0, 1, y);
  for (size_t i = 0; i < a->shape[0]; i++)
    if (fabsf(x[i] - y[i]) > 1e-6f * fabsf(x[i])) fail_msg("%s: %s differs", what, a->name);
}

static void same_meaning(const char *model, const char *changes) {
  heta_i_file *a = opened(model, "{}"), *b = opened(model, changes);
  assert_int_equal(heta_i_file_key_count(a), heta_i_file_key_count(b));
  for (size_t i = 0; i < heta_i_file_key_count(a); i++) {
    const char *key = heta_i_file_key_at(a, i), *s, *t;
    double x, y;
    bool p, q;
    if (!strcmp(key, "general.name")) continue; /* the folder's */
    if (heta_i_file_number(a, key, &x)) {
      if (!heta_i_file_number(b, key, &y) || fabs(x - y) > 1e-12 * fabs(x))
        fail_msg("%s %s: %s differs", model, changes, key);
    } else if (heta_i_file_flag(a, key, &p)) {
      assert_true(heta_i_file_flag(b, key, &q) && p == q);
    } else {
      assert_true(heta_i_file_string(a, key, &s, NULL) && heta_i_file_string(b, key, &t, NULL));
      assert_string_equal(s, t);
    }
  }
  assert_int_equal(heta_i_file_tensor_count(a), heta_i_file_tensor_count(b));
  for (size_t i = 0; i < heta_i_file_tensor_count(a); i++) {
    const heta_i_tensor *tensor = heta_i_file_tensor_at(a, i);
    assert_non_null(heta_i_file_tensor(b, tensor->name));
    if (!strncmp(tensor->name, "rope", 4))
      same_vector(changes, tensor, heta_i_file_tensor(b, tensor->name));
  }
  heta_i_file_close(a);
  heta_i_file_close(b);
}

static void other_spellings(void **state) {
  (void)state;
  static const char *const SAME[][2] = {
      {"llama-gqa", "{\"rope_parameters\":\"-\",\"rope_theta\":500000.0,\"rope_scaling\":null}"},
      {"llama-gqa", "{\"rope_parameters\":{\"rope_theta\":500000.0,\"rope_type\":\"default\"},"
                    "\"rope_theta\":\"-\",\"rope_scaling\":\"-\"}"},
      {"llama-gqa", "{\"head_dim\":null,\"mlp_bias\":\"-\",\"attention_bias\":null}"},
      {"llama-gqa", "{\"torch_dtype\":\"bfloat16\",\"dtype\":\"-\",\"pretraining_tp\":2}"},
      {"llama-rope3-f16",
       "{\"rope_parameters\":\"-\",\"rope_theta\":10000,\"rope_scaling\":{\"type\":\"llama3\","
       "\"factor\":8,\"high_freq_factor\":4,\"low_freq_factor\":1,"
       "\"original_max_position_embeddings\":1024}}"},
      {"llama-rope3-f16",
       "{\"rope_scaling\":\"-\",\"rope_theta\":\"-\",\"rope_parameters\":{\"rope_type\":\"llama3\","
       "\"rope_theta\":10000,\"factor\":8,\"high_freq_factor\":4,\"low_freq_factor\":1,"
       "\"original_max_position_embeddings\":1024}}"},
      {"phi2", "{\"rope_parameters\":\"-\",\"rope_theta\":10000,\"partial_rotary_factor\":0.4}"},
      {"phi2", "{\"rope_theta\":\"-\",\"partial_rotary_factor\":\"-\",\"rope_parameters\":"
               "{\"rope_theta\":10000,\"partial_rotary_factor\":0.4}}"},
      {"gptneox", "{\"rope_parameters\":\"-\",\"rotary_emb_base\":10000,"
                  "\"rotary_pct\":0.3333333333333333,\"use_parallel_residual\":\"-\"}"},
      {"gptneox", "{\"rotary_emb_base\":\"-\",\"rotary_pct\":\"-\",\"rope_parameters\":"
                  "{\"rope_theta\":10000,\"partial_rotary_factor\":0.3333333333333333}}"},
      {"phi3-long",
       "{\"rope_parameters\":\"-\",\"rope_theta\":10000,\"partial_rotary_factor\":0.75,"
       "\"rope_scaling\":{\"type\":\"su\",\"short_factor\":[1.0,1.125,1.5],"
       "\"long_factor\":[1.25,2.5,7.0]}}"},
      {"phi3-long", "{\"rope_scaling\":\"-\",\"rope_theta\":\"-\",\"partial_rotary_factor\":\"-\","
                    "\"rope_parameters\":{\"rope_type\":\"longrope\",\"rope_theta\":10000,"
                    "\"partial_rotary_factor\":0.75,\"original_max_position_embeddings\":8,"
                    "\"short_factor\":[1.0,1.125,1.5],\"long_factor\":[1.25,2.5,7.0]}}"},
      {"gemma2", "{\"layer_types\":\"-\",\"hidden_act\":\"gelu_pytorch_tanh\"}"},
      {"gemma3", "{\"rope_parameters\":\"-\",\"layer_types\":\"-\",\"sliding_window_pattern\":6,"
                 "\"rope_theta\":1000000,\"rope_local_base_freq\":10000,"
                 "\"rope_scaling\":{\"rope_type\":\"linear\",\"factor\":8}}"},
      {"gemma3", "{\"rope_theta\":\"-\",\"rope_local_base_freq\":\"-\",\"rope_scaling\":\"-\","
                 "\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"linear\",\"factor\":8,"
                 "\"rope_theta\":1000000},\"sliding_attention\":{\"rope_type\":\"default\","
                 "\"rope_theta\":10000}}}"},
      {"gemma", "{\"hidden_act\":\"gelu\",\"hidden_activation\":null}"},
      {"smollm3", "{\"no_rope_layers\":\"-\",\"layer_types\":\"-\"}"},
      {"qwen3", "{\"use_sliding_window\":true,\"sliding_window\":4,\"layer_types\":\"-\"}"},
      {"gpt2", "{\"n_inner\":null,\"activation_function\":\"gelu_pytorch_tanh\"}"},
  };
  for (size_t i = 0; i < sizeof SAME / sizeof *SAME; i++) same_meaning(SAME[i][0], SAME[i][1]);
}

static double number_of(const char *model, const char *changes, const char *key) {
  heta_i_file *file = opened(model, changes);
  double number = NAN;
  heta_i_file_number(file, key, &number);
  heta_i_file_close(file);
  return number;
}

static void values_that_are_left_out(void **state) {
  (void)state;
  assert_true(number_of("mistral", "{\"sliding_window\":null}", "llama.attention.sliding_window") ==
              0);
  assert_true(
      number_of("mistral", "{\"sliding_window\":\"-\"}", "llama.attention.sliding_window") == 4096);
  assert_true(number_of("gemma2", "{\"attn_logit_softcapping\":null}",
                        "gemma2.attn_logit_softcapping") == 0);
  assert_true(number_of("gemma2", "{\"attn_logit_softcapping\":\"-\"}",
                        "gemma2.attn_logit_softcapping") == 50);
  assert_true(number_of("gemma3", "{\"query_pre_attn_scalar\":\"-\"}", "gemma3.attention.scale") ==
              1.0 / 16);
  double magnitude =
      number_of("phi3-long", "{\"max_position_embeddings\":80}", "phi3.rope.scaling.attn_factor");
  assert_true(fabs(magnitude - sqrt(1 + log(80.0 / 8) / log(8))) < 1e-12);
  magnitude = number_of("phi3-long",
                        "{\"rope_scaling\":{\"type\":\"longrope\",\"short_factor\":[1,1,1],"
                        "\"long_factor\":[1,2,3],\"attention_factor\":1.25}}",
                        "phi3.rope.scaling.attn_factor");
  assert_true(magnitude == 1.25);
}

/* ---- Refusals -------------------------------------------------------------------------------- */

static const struct {
  const char *model, *changes;
  heta_status status;
  const char *words;
} REFUSED[] = {
    {"llama-gqa", "{\"model_type\":\"-\"}", HETA_E_FORMAT, "model_type is missing"},
    {"llama-gqa", "{\"model_type\":7}", HETA_E_FORMAT, "model_type is 7, not a text"},
    {"llama-gqa", "{\"model_type\":\"bert\"}", HETA_E_UNSUPPORTED,
     "model_type 'bert' is not supported (supported: gpt2, gptj"},
    {"llama-gqa", "{\"num_local_experts\":8}", HETA_E_UNSUPPORTED,
     "num_local_experts is 8; this is a mixture-of-experts model"},
    {"llama-gqa", "{\"quantization_config\":{\"quant_method\":\"awq\"}}", HETA_E_UNSUPPORTED,
     "the weights are quantised (quantization_config, awq)"},
    {"llama-gqa", "{\"hidden_act\":\"relu\"}", HETA_E_UNSUPPORTED,
     "hidden_act is \"relu\"; heta does not compute this variant"},
    {"llama-gqa", "{\"hidden_act\":true}", HETA_E_FORMAT, "hidden_act is true, not a text"},
    {"llama-gqa", "{\"num_hidden_layers\":\"-\"}", HETA_E_FORMAT, "num_hidden_layers is missing"},
    {"llama-gqa", "{\"num_hidden_layers\":0}", HETA_E_FORMAT,
     "num_hidden_layers is 0, not a whole number from 1 to"},
    {"llama-gqa", "{\"num_hidden_layers\":2.5}", HETA_E_FORMAT, "num_hidden_layers is 2.5, not"},
    {"llama-gqa", "{\"num_hidden_layers\":1e99}", HETA_E_FORMAT, "num_hidden_layers is 1"},
    {"llama-gqa", "{\"num_hidden_layers\":2}", HETA_E_UNSUPPORTED,
     "tensor model.layers.2.input_layernorm.weight has no place in a model of the type 'llama'"},
    {"llama-gqa", "{\"num_hidden_layers\":4}", HETA_E_FORMAT,
     "tensor model.layers.3.input_layernorm.weight is missing, which a model of the type 'llama' "
     "with num_hidden_layers 4 has"},
    {"llama-gqa", "{\"num_key_value_heads\":3}", HETA_E_FORMAT,
     "num_attention_heads 4 is no multiple of num_key_value_heads 3"},
    {"llama-gqa", "{\"num_attention_heads\":5,\"num_key_value_heads\":5,\"head_dim\":null}",
     HETA_E_FORMAT, "hidden_size 24 is no multiple of num_attention_heads 5"},
    {"llama-gqa", "{\"head_dim\":4}", HETA_E_FORMAT,
     "by num_attention_heads and hidden_size tensor model.layers.0.self_attn.q_proj.weight should "
     "be 16 × 24, but it is 24 × 24"},
    {"llama-gqa", "{\"vocab_size\":260}", HETA_E_FORMAT,
     "by vocab_size and hidden_size tensor model.embed_tokens.weight should be 260 × 24, but it is "
     "263 × 24"},
    {"llama-gqa", "{\"hidden_size\":20,\"head_dim\":6}", HETA_E_FORMAT, "but it is 263 × 24"},
    {"llama-gqa", "{\"intermediate_size\":39}", HETA_E_FORMAT, "by intermediate_size and"},
    {"llama-gqa", "{\"attention_bias\":true}", HETA_E_FORMAT,
     "tensor model.layers.0.self_attn.q_proj.bias is missing"},
    {"llama-gqa", "{\"attention_bias\":\"yes\"}", HETA_E_FORMAT,
     "attention_bias is \"yes\", not true or false"},
    {"llama-gqa", "{\"tie_word_embeddings\":true}", HETA_E_FORMAT,
     "tie_word_embeddings is true, but tensor lm_head.weight is not model.embed_tokens.weight"},
    {"llama-rope3-f16", "{\"tie_word_embeddings\":false}", HETA_E_FORMAT,
     "tensor lm_head.weight is missing"},
    {"llama-gqa", "{\"rms_norm_eps\":\"x\"}", HETA_E_FORMAT, "rms_norm_eps is \"x\", not a number"},
    {"llama-gqa", "{\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2}}", HETA_E_UNSUPPORTED,
     "rope_type is \"dynamic\"; heta knows default, linear, llama3 and yarn for this family"},
    {"llama-gqa", "{\"rope_scaling\":{\"type\":\"yarn\",\"factor\":2,\"mscale\":1}}",
     HETA_E_UNSUPPORTED, "rope_scaling.mscale is not supported with rope_type \"yarn\""},
    {"llama-gqa", "{\"rope_scaling\":{\"type\":\"yarn\",\"factor\":2,\"truncate\":false}}",
     HETA_E_UNSUPPORTED, "rope_scaling.truncate is not true"},
    {"llama-gqa", "{\"rope_scaling\":{\"type\":\"yarn\"}}", HETA_E_FORMAT, "rope_scaling.factor"},
    {"llama-gqa", "{\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2}}", HETA_E_UNSUPPORTED,
     "rope_scaling.rope_type is \"dynamic\""},
    {"llama-gqa", "{\"rope_scaling\":{\"type\":\"linear\"}}", HETA_E_FORMAT,
     "rope_scaling.factor is missing"},
    {"llama-gqa", "{\"rope_scaling\":{\"type\":\"linear\",\"factor\":-2}}", HETA_E_FORMAT,
     "rope_scaling.factor is not positive"},
    {"llama-gqa", "{\"rope_scaling\":[1]}", HETA_E_FORMAT, "rope_scaling is a list, not an object"},
    {"llama-gqa", "{\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"default\"}}}",
     HETA_E_UNSUPPORTED, "rope_parameters differ from layer to layer"},
    {"llama-gqa", "{\"partial_rotary_factor\":0.34}", HETA_E_UNSUPPORTED,
     "2 of the 6 numbers of a head rotate"},
    {"phi2", "{\"partial_rotary_factor\":0.5,\"rope_parameters\":null}", HETA_E_FORMAT,
     "5 of the 10 numbers of a head rotate, which is no even number"},
    {"llama-rope3-f16",
     "{\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,\"low_freq_factor\":4,"
     "\"high_freq_factor\":4}}",
     HETA_E_FORMAT, "high_freq_factor is not above low_freq_factor"},
    {"phi3-long", "{\"rope_scaling\":{\"type\":\"longrope\",\"short_factor\":[1,1]}}",
     HETA_E_FORMAT, "rope_scaling.short_factor is no list of"},
    {"phi3-long",
     "{\"partial_rotary_factor\":0.75,\"rope_scaling\":{\"type\":\"longrope\","
     "\"short_factor\":[1,0,1],\"long_factor\":[1,1,1]}}",
     HETA_E_FORMAT, "rope_scaling.short_factor is no list of 3 positive numbers"},
    {"phi2", "{\"qk_layernorm\":true}", HETA_E_UNSUPPORTED, "qk_layernorm is true"},
    {"phi2", "{\"tie_word_embeddings\":true}", HETA_E_UNSUPPORTED, "tie_word_embeddings is true"},
    {"gptneox", "{\"hidden_act\":\"gelu_fast\"}", HETA_E_UNSUPPORTED,
     "hidden_act is \"gelu_fast\""},
    {"gptneox", "{\"attention_bias\":false}", HETA_E_UNSUPPORTED, "attention_bias is false"},
    {"gpt2", "{\"scale_attn_by_inverse_layer_idx\":true}", HETA_E_UNSUPPORTED,
     "scale_attn_by_inverse_layer_idx is true"},
    {"gpt2", "{\"scale_attn_weights\":false}", HETA_E_UNSUPPORTED, "scale_attn_weights is false"},
    {"gpt2", "{\"n_inner\":81}", HETA_E_FORMAT,
     "by n_inner and n_embd tensor h.0.mlp.c_fc.weight should be 20 × 81, but it is "
     "20 × 80"},
    {"gpt2", "{\"n_positions\":25}", HETA_E_FORMAT, "by n_positions and n_embd"},
    {"gptj", "{\"rotary_dim\":5}", HETA_E_FORMAT, "5 of the 8 numbers of a head rotate"},
    {"gptj", "{\"rotary_dim\":9}", HETA_E_FORMAT,
     "rotary_dim is 9, not a whole number from 1 to 8"},
    {"opt", "{\"do_layer_norm_before\":false}", HETA_E_UNSUPPORTED,
     "do_layer_norm_before is false"},
    {"opt", "{\"word_embed_proj_dim\":8}", HETA_E_UNSUPPORTED, "word_embed_proj_dim is 8"},
    {"qwen2",
     "{\"use_sliding_window\":true,\"sliding_window\":4,\"max_window_layers\":1,"
     "\"layer_types\":\"-\"}",
     HETA_E_UNSUPPORTED, "use_sliding_window is true; heta computes models of this family without"},
    {"qwen3", "{\"layer_types\":[\"full_attention\",\"sliding_attention\",\"full_attention\"]}",
     HETA_E_UNSUPPORTED, "layer_types gives layer 1 another kind of attention"},
    {"qwen3", "{\"layer_types\":[\"full_attention\"]}", HETA_E_FORMAT,
     "layer_types is no list with an entry for each layer"},
    {"smollm3", "{\"no_rope_layers\":[1,1,0,1,1]}", HETA_E_UNSUPPORTED,
     "no_rope_layers gives layer 2 another kind"},
    {"smollm3", "{\"no_rope_layers\":\"-\",\"no_rope_layer_interval\":3}", HETA_E_UNSUPPORTED,
     "no_rope_layer_interval is 3"},
    {"gemma", "{\"use_bidirectional_attention\":true}", HETA_E_UNSUPPORTED,
     "use_bidirectional_attention is true"},
    {"gemma2", "{\"query_pre_attn_scalar\":0}", HETA_E_FORMAT,
     "query_pre_attn_scalar is not positive"},
    {"gemma3", "{\"layer_types\":\"-\",\"sliding_window_pattern\":3}", HETA_E_UNSUPPORTED,
     "sliding_window_pattern is 3"},
    {"gemma3",
     "{\"rope_scaling\":\"-\",\"rope_parameters\":{\"full_attention\":{\"rope_type\":\"default\"},"
     "\"sliding_attention\":{\"rope_type\":\"linear\",\"factor\":2}}}",
     HETA_E_UNSUPPORTED, "rope_parameters.sliding_attention.rope_type is not \"default\""},
    {"gemma3", "{\"model_type\":\"gemma3\"}", HETA_E_FORMAT, "text_config is missing"},
};

static void refusals(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof REFUSED / sizeof *REFUSED; i++) {
    heta_i_file *file = NULL;
    heta_error error = {0};
    heta_status status = open_changed(REFUSED[i].model, REFUSED[i].changes, &file, &error);
    refusal_check(REFUSED[i].changes, status, REFUSED[i].status, &error, error.offset,
                  REFUSED[i].words);
    assert_null(file);
  }
}

/* ---- Files ----------------------------------------------------------------------------------- */

static void configuration_files(void **state) {
  (void)state;
  static const struct {
    const char *text; /* NULL: no file */
    heta_status status;
    const char *words;
  } CASES[] = {
      {NULL, HETA_E_IO, "config.json, which says what the weights beside it are; fetch the whole"},
      {"", HETA_E_FORMAT, "config.json, byte 0: the JSON text breaks off"},
      {"{\"a\":", HETA_E_FORMAT, "config.json, byte 5: the JSON text breaks off"},
      {"{\"a\":1,\"a\":2}", HETA_E_FORMAT, "duplicate object key"},
      {"[]", HETA_E_FORMAT, "config.json holds a list, not an object"},
  };
  char folder[FOLDER_PATH], path[FOLDER_PATH + 64];
  size_t size;
  folder_make(folder);
  unsigned char *bytes = folder_safetensors(
      "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, &size);
  folder_write(folder, "alone.safetensors", bytes, size);
  heta_i_free(bytes);
  snprintf(path, sizeof path, "%s/alone.safetensors", folder);
  for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
    heta_i_file *file = NULL;
    heta_error error = {0};
    if (CASES[i].text) folder_text(folder, "config.json", CASES[i].text);
    assert_int_equal(heta_i_file_open(path, &file, &error), HETA_OK);
    heta_status status = heta_i_hugging_face_translate(&file, &error);
    refusal_check("config.json", status, CASES[i].status, &error, error.offset, CASES[i].words);
    heta_i_file_close(file);
  }
  folder_remove(folder);
}

/* Weights beside which nothing changed, under another name and with other prefixes. */
static void a_lone_file(void **state) {
  (void)state;
  heta_i_file *file = NULL;
  heta_error error = {0};
  int64_t layers;
  if (heta_i_file_open(TINY "llama-gqa/model.safetensors", &file, &error))
    fail_msg("%s", error.message);
  if (heta_i_hugging_face_translate(&file, &error)) fail_msg("%s", error.message);
  assert_true(heta_i_file_integer(file, "llama.block_count", &layers) && layers == 3);
  heta_i_file_close(file);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(other_spellings), cmocka_unit_test(values_that_are_left_out),
      cmocka_unit_test(refusals),        cmocka_unit_test(configuration_files),
      cmocka_unit_test(a_lone_file),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
