/* inseq.c: the JSON that Inseq's FeatureAttributionOutput.load() reads, for its tools to show and
 * aggregate. docs/exchange.md says which field holds what.
 *
 * Objects carry the name of the class they are made into. Arrays are safetensors files of one
 * float32 tensor, "attribution", in base64. */
#include <math.h>
#include <nettle/base64.h>
#include <stdio.h>
#include <string.h>

#include "report/report.h"

static void key_empty(heta_i_writer *w, const char *key) {
  heta_i_key_open(w, key, '{');
  heta_i_json_close(w, '}');
}

/* Opens an object that is made into a class; closed with close_instance. */
static void open_instance(heta_i_writer *w, const char *module, const char *name) {
  heta_i_json_open(w, '{');
  heta_i_key_open(w, "__instance_type__", '[');
  heta_i_json_string(w, module);
  heta_i_json_string(w, name);
  heta_i_json_close(w, ']');
  heta_i_key_open(w, "attributes", '{');
}

static void close_instance(heta_i_writer *w) {
  heta_i_json_close(w, '}');
  heta_i_json_close(w, '}');
}

/* ---- Tensors ------------------------------------------------------------------------------- */

enum { GROUP = 3 * 256 }; /* bytes encoded at once: a multiple of three needs no padding between */

/* Bytes on their way into a base64 string. */
typedef struct encoder {
  heta_i_writer *writer;
  size_t size;
  uint8_t bytes[GROUP];
} encoder;

static void flush(encoder *e) {
  char text[BASE64_ENCODE_RAW_LENGTH(GROUP)];
  base64_encode_raw(text, e->size, e->bytes);
  heta_i_put(e->writer, text, BASE64_ENCODE_RAW_LENGTH(e->size));
  e->size = 0;
}

static void put_byte(encoder *e, unsigned byte) {
  e->bytes[e->size++] = (uint8_t)byte;
  if (e->size == GROUP) flush(e);
}

static void put_float(encoder *e, double value) {
  float number = (float)value;
  uint32_t bits;
  memcpy(&bits, &number, sizeof bits);
  for (int i = 0; i < 4; i++) put_byte(e, bits >> 8 * i & 0xFF);
}

/* Begins the string and the safetensors file in it: the header's length, the header, then floats.
 * columns 0: a vector. */
static void open_tensor(heta_i_writer *w, encoder *e, size_t rows, size_t columns) {
  char shape[64], header[200];
  *e = (encoder){.writer = w};
  snprintf(shape, sizeof shape, columns ? "%zu,%zu" : "%zu", rows, columns);
  int length =
      snprintf(header, sizeof header,
               "{\"attribution\":{\"dtype\":\"F32\",\"shape\":[%s],\"data_offsets\":[0,%llu]}}",
               shape, (unsigned long long)rows * (columns ? columns : 1) * 4);
  size_t padded = ((size_t)length + 7) / 8 * 8;
  heta_i_json_raw(w, "\"");
  for (size_t i = 0; i < 8; i++) put_byte(e, i < 2 ? padded >> 8 * i & 0xFF : 0);
  for (size_t i = 0; i < padded; i++) {
    put_byte(e, i < (size_t)length ? (unsigned char)header[i] : ' ');
  }
}

static void close_tensor(encoder *e) {
  flush(e);
  heta_i_put(e->writer, "\"", 1);
}

/* A value of a row; NaN from the target on, as for every later token. */
typedef double (*row_value)(const heta_row *row, size_t component, size_t token);

static double attributed(const heta_row *row, size_t component, size_t token) {
  (void)component;
  return heta_i_row_value(row, token);
}

static double score_error(const heta_row *row, size_t component, size_t token) {
  (void)component;
  return row->score_se ? row->score_se[token] : NAN;
}

static double part(const heta_row *row, size_t component, size_t token) {
  return row->components[component][token];
}

static double part_error(const heta_row *row, size_t component, size_t token) {
  return row->component_se[component] ? row->component_se[component][token] : NAN;
}

/* tokens × targets. */
static void matrix(heta_i_writer *w, const heta_attribution *a, size_t tokens, row_value value,
                   size_t component) {
  encoder e;
  open_tensor(w, &e, tokens, a->row_count);
  for (size_t i = 0; i < tokens; i++) {
    for (size_t r = 0; r < a->row_count; r++) {
      const heta_row *row = &a->rows[r];
      put_float(&e, i < row->length ? value(row, component, i) : NAN);
    }
  }
  close_tensor(&e);
}

static double logprob_of(const heta_target *target) { return target->logprob; }
static double probability_of(const heta_target *target) { return exp(target->logprob); }
static double entropy_of(const heta_target *target) { return target->entropy; }

static void vector(heta_i_writer *w, const heta_attribution *a, const char *key,
                   double (*value)(const heta_target *target)) {
  encoder e;
  heta_i_json_key(w, key);
  open_tensor(w, &e, a->row_count, 0);
  for (size_t r = 0; r < a->row_count; r++) put_float(&e, value(&a->targets[a->rows[r].target]));
  close_tensor(&e);
}

/* ---- The parts of the file ----------------------------------------------------------------- */

static void tokens(heta_i_writer *w, const heta_attribution *a, const char *key, size_t count) {
  heta_i_key_open(w, key, '[');
  for (size_t i = 0; i < count; i++) {
    size_t size;
    char id[24];
    const char *text = heta_i_token_text(a, i, &size);
    snprintf(id, sizeof id, "%ld", (long)a->tokens[i].id);
    open_instance(w, "inseq.utils.typing", "TokenWithId");
    heta_i_json_key(w, "token");
    heta_i_json_bytes(w, text, size);
    heta_i_json_key(w, "id");
    heta_i_json_raw(w, id);
    close_instance(w);
  }
  heta_i_json_close(w, ']');
}

/* Names must not begin with "encoder" or "decoder", which Inseq takes for square. */
static void sequence_scores(heta_i_writer *w, const heta_attribution *a, size_t count) {
  char name[80];
  heta_i_key_open(w, "sequence_scores", '{');
  if (a->rows[0].score_se) {
    heta_i_json_key(w, "score_se");
    matrix(w, a, count, score_error, 0);
  }
  for (size_t c = 0; c < a->component_count; c++) {
    heta_i_json_key(w, a->components[c].name);
    matrix(w, a, count, part, c);
    if (!a->rows[0].component_se[c]) continue;
    snprintf(name, sizeof name, "%s_se", a->components[c].name);
    heta_i_json_key(w, name);
    matrix(w, a, count, part_error, c);
  }
  heta_i_json_close(w, '}');
}

static void sequence(heta_i_writer *w, const heta_attribution *a, size_t first, size_t end) {
  open_instance(w, "inseq.data.attribution", "CoarseFeatureAttributionSequenceOutput");
  tokens(w, a, "source", first);
  tokens(w, a, "target", end);
  heta_i_json_key(w, "source_attributions");
  heta_i_json_null(w);
  heta_i_json_key(w, "target_attributions");
  matrix(w, a, end, attributed, 0);
  heta_i_key_open(w, "step_scores", '{');
  vector(w, a, "logprob", logprob_of);
  vector(w, a, "probability", probability_of);
  vector(w, a, "entropy", entropy_of);
  heta_i_json_close(w, '}');
  sequence_scores(w, a, end);
  heta_i_key_count(w, "attr_pos_start", first);
  heta_i_key_count(w, "attr_pos_end", end);
  close_instance(w);
}

static void info(heta_i_writer *w, const heta_attribution *a, size_t first, size_t end) {
  bool forced = a->target_count && a->targets[0].origin && !strcmp(a->targets[0].origin, "forced");
  heta_i_key_open(w, "info", '{');
  heta_i_key_string(w, "attribution_method", a->method->name);
  heta_i_key_string(w, "attributed_fn", a->objective);
  heta_i_key_open(w, "attribution_args", '{');
  for (size_t i = 0; i < a->option_count; i++) {
    heta_i_key_string(w, a->options[i].name, a->options[i].value);
  }
  heta_i_json_close(w, '}');
  key_empty(w, "attributed_fn_args");
  heta_i_key_open(w, "step_scores", '[');
  heta_i_json_string(w, "logprob");
  heta_i_json_string(w, "probability");
  heta_i_json_string(w, "entropy");
  heta_i_json_close(w, ']');
  key_empty(w, "step_scores_args");
  heta_i_key_count(w, "attr_pos_start", first);
  heta_i_key_count(w, "attr_pos_end", end);
  heta_i_key_bool(w, "output_step_attributions", false);
  heta_i_key_bool(w, "attribute_target", false);
  heta_i_key_bool(w, "include_eos_baseline", false);
  heta_i_json_key(w, "exec_time");
  heta_i_json_real(w, a->seconds_total);
  heta_i_key_string(w, "model_name", a->model->name[0] ? a->model->name : a->model->file);
  heta_i_key_string(w, "model_class", a->model->architecture);
  heta_i_key_string(w, "tokenizer_name", a->model->tokenizer_pre);
  heta_i_key_string(w, "tokenizer_class", a->model->tokenizer_model);
  heta_i_key_open(w, "input_texts", '[');
  heta_i_json_bytes(w, a->text, a->prompt_end);
  heta_i_json_close(w, ']');
  heta_i_key_open(w, "generated_texts", '[');
  heta_i_json_bytes(w, a->text, a->text_size);
  heta_i_json_close(w, ']');
  key_empty(w, "generation_args");
  heta_i_key_bool(w, "constrained_decoding", forced);
  heta_i_key_bool(w, "generate_from_target_prefix", false);
  /* What Inseq has no field for. */
  heta_i_key_string(w, "heta_version", a->version ? a->version : heta_version());
  heta_i_key_string(w, "model_fingerprint", a->model->fingerprint);
  heta_i_key_count(w, "seed", a->seed);
  heta_i_json_close(w, '}');
}

heta_status heta_i_report_inseq(heta_i_writer *w, const heta_attribution *a, heta_error *error) {
  if (!a->row_count)
    return heta_i_fail(error, HETA_E_ARGUMENT,
                       "this result explains no target yet, and Inseq's files have at least one");
  if (a->rows[0].target == HETA_ALL_TARGETS)
    return heta_i_fail(error, HETA_E_UNSUPPORTED,
                       "Inseq's files have a column for each explained token, and this result "
                       "explains all of them as one (--joint)");
  size_t first = a->targets[a->rows[0].target].position, end = first + a->row_count;
  for (size_t r = 0; r < a->row_count; r++)
    if (a->targets[a->rows[r].target].position != first + r || end > a->token_count)
      return heta_i_fail(error, HETA_E_UNSUPPORTED,
                         "Inseq's files explain neighbouring tokens, and target %zu is not the "
                         "token after the one before",
                         r);
  open_instance(w, "inseq.data.attribution", "FeatureAttributionOutput");
  heta_i_key_open(w, "sequence_attributions", '[');
  sequence(w, a, first, end);
  heta_i_json_close(w, ']');
  heta_i_json_key(w, "step_attributions");
  heta_i_json_null(w);
  info(w, a, first, end);
  close_instance(w);
  heta_i_puts(w, "\n");
  return HETA_OK;
}
