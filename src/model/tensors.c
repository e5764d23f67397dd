/* tensors.c: finding the tensors of a model's program, whole or as rows of a fused one, with their
 * shapes checked. */
#include "model/tensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { NAME_SIZE = 128 };

static size_t width_of(const heta_i_hyper *hyper, heta_i_width width) {
  switch (width) {
  case HETA_WIDTH_NONE: return 0;
  case HETA_WIDTH_MODEL: return hyper->width;
  case HETA_WIDTH_QUERY: return hyper->heads * hyper->head_width;
  case HETA_WIDTH_KEY: return hyper->kv_heads * hyper->head_width;
  case HETA_WIDTH_FEED_FORWARD: return hyper->feed_forward;
  case HETA_WIDTH_VOCABULARY: return hyper->vocabulary;
  }
  return 0;
}

/* Expands entries [first, first + size) of a vector of `all`. */
static heta_status expand_vector(heta_model *model, const heta_i_tensor *tensor, size_t all,
                                 size_t first, const float **out, heta_error *error) {
  if (tensor->dims != 1 || tensor->shape[0] != all)
    return heta_i_fail_at(error, HETA_E_FORMAT, tensor->offset,
                          "%s: tensor %s should have %zu entries, the file has %zu",
                          heta_i_file_path(model->file), tensor->name, all, tensor->shape[0]);
  float *values = heta_i_arena_take(model->memory, all, sizeof(float));
  if (!values) return heta_i_no_memory(error, tensor->name, all * sizeof(float));
  heta_i_tensor_rows(tensor, 0, 1, values);
  for (size_t i = 0; i < all; i++)
    if (!isfinite(values[i]))
      return heta_i_fail_at(error, HETA_E_NONFINITE, tensor->offset,
                            "%s: tensor %s, entry %zu is not a finite number",
                            heta_i_file_path(model->file), tensor->name, i);
  *out = values + first;
  return HETA_OK;
}

static heta_status check_matrix(heta_model *model, const heta_i_tensor *tensor, size_t rows,
                                size_t cols, heta_error *error) {
  if (tensor->dims == 2 && tensor->shape[0] == cols && tensor->shape[1] == rows) return HETA_OK;
  return heta_i_fail_at(
      error, HETA_E_FORMAT, tensor->offset,
      "%s: tensor %s should be %zu × %zu (rows × columns), the file has %zu × %zu",
      heta_i_file_path(model->file), tensor->name, rows, cols, tensor->shape[1], tensor->shape[0]);
}

/* ---- The tensors of one op ------------------------------------------------------------------- */

/* Where an op finds its tensors: "blk.3." or "", the stem, and which rows of them are its own. */
typedef struct place {
  char prefix[32];
  const char *stem;
  size_t first_row, rows; /* the op's own, and all rows of the tensor */
} place;

static const heta_i_tensor *find(const heta_model *model, const place *at, const char *stem,
                                 const char *suffix) {
  char name[NAME_SIZE];
  snprintf(name, sizeof name, "%s%s%s", at->prefix, stem, suffix);
  return heta_i_file_tensor(model->file, name);
}

static size_t skipped_rows(const heta_i_hyper *hyper, const heta_i_op *op) {
  return width_of(hyper, op->skip[0]) + width_of(hyper, op->skip[1]);
}

/* All rows of the tensor that some ops of the program share. */
static size_t fused_rows(const heta_i_hyper *hyper, const heta_i_op *program, const char *fused) {
  size_t rows = 0;
  for (; program->out != HETA_SITE_NONE; program++) {
    if (!program->fused || strcmp(program->fused, fused)) continue;
    size_t end = skipped_rows(hyper, program) + width_of(hyper, program->width);
    if (end > rows) rows = end;
  }
  return rows;
}

static heta_status find_weight(const heta_model *model, const heta_i_op *program,
                               const heta_i_op *op, place *at, const heta_i_tensor **out,
                               heta_error *error) {
  at->stem = op->weight;
  at->rows = width_of(&model->hyper, op->width);
  if (op->weight && (*out = find(model, at, op->weight, ".weight"))) return HETA_OK;
  if (op->fallback && (*out = find(model, at, op->fallback, ".weight"))) return HETA_OK;
  if (op->fused && (*out = find(model, at, op->fused, ".weight"))) {
    at->stem = op->fused;
    at->first_row = skipped_rows(&model->hyper, op);
    at->rows = fused_rows(&model->hyper, program, op->fused);
    return HETA_OK;
  }
  bool both = op->weight && op->fused;
  return heta_i_fail(
      error, HETA_E_FORMAT,
      "%s: tensor %s%s.weight%s%s%s is missing; the file is incomplete or of another "
      "architecture than '%s'",
      heta_i_file_path(model->file), at->prefix, op->weight ? op->weight : op->fused,
      both ? " (or " : "", both ? op->fused : "", both ? ".weight)" : "",
      model->architecture->name);
}

static heta_status load_bias(heta_model *model, const heta_i_op *op, const place *at,
                             heta_i_weight *weight, heta_error *error) {
  const heta_i_tensor *bias = find(model, at, at->stem, ".bias");
  if (bias) return expand_vector(model, bias, at->rows, at->first_row, &weight->bias, error);
  if (!op->biased) return HETA_OK;
  return heta_i_fail(error, HETA_E_FORMAT,
                     "%s: tensor %s%s.bias is missing; the file is incomplete or of another "
                     "architecture than '%s'",
                     heta_i_file_path(model->file), at->prefix, at->stem,
                     model->architecture->name);
}

/* layer < 0: a head op, whose names carry no block number. */
static heta_status load_op(heta_model *model, const heta_i_op *program, const heta_i_op *op,
                           long layer, heta_i_weight *weight, heta_error *error) {
  size_t width = width_of(&model->hyper, op->width);
  if (model->widths[op->out] && model->widths[op->out] != width)
    return heta_i_fail(error, HETA_E_INTERNAL, "buffer %s has two widths",
                       heta_i_site_name(op->out));
  model->widths[op->out] = width;
  if (!op->weight && !op->fused) return HETA_OK;
  place at = {.prefix = ""};
  if (layer >= 0) snprintf(at.prefix, sizeof at.prefix, "blk.%ld.", layer);
  HETA_TRY(find_weight(model, program, op, &at, &weight->tensor, error));
  if (op->kind == HETA_OP_HEAD_NORM) width = at.rows = model->hyper.head_width;
  weight->rows = width;
  weight->first_row = at.first_row;
  if (op->kind == HETA_OP_LINEAR) {
    weight->cols = model->widths[op->in[0]];
    HETA_TRY(check_matrix(model, weight->tensor, at.rows, weight->cols, error));
  } else {
    HETA_TRY(expand_vector(model, weight->tensor, at.rows, 0, &weight->vector, error));
  }
  return load_bias(model, op, &at, weight, error);
}

/* ---- Embeddings ------------------------------------------------------------------------------ */

static heta_status load_embedding(heta_model *model, heta_error *error) {
  const char *path = heta_i_file_path(model->file);
  model->embedding = heta_i_file_tensor(model->file, "token_embd.weight");
  if (!model->embedding)
    return heta_i_fail(error, HETA_E_FORMAT,
                       "%s: tensor token_embd.weight is missing; this file holds no model weights",
                       path);
  model->hyper.vocabulary = model->embedding->dims == 2 ? model->embedding->shape[1] : 0;
  size_t tokens = heta_i_tokenizer_get_info(model->tokenizer)->vocabulary;
  if (model->hyper.vocabulary < tokens)
    return heta_i_fail_at(error, HETA_E_FORMAT, model->embedding->offset,
                          "%s: the tokenizer has %zu tokens but token_embd.weight has %zu rows",
                          path, tokens, model->hyper.vocabulary);
  model->widths[HETA_SITE_RESIDUAL_BEFORE] = model->hyper.width;
  return check_matrix(model, model->embedding, model->hyper.vocabulary, model->hyper.width, error);
}

static heta_status load_positions(heta_model *model, heta_error *error) {
  if (!model->architecture->learned_positions) return HETA_OK;
  model->position_offset = model->architecture->position_offset;
  model->position_embedding = heta_i_file_tensor(model->file, "position_embd.weight");
  if (!model->position_embedding)
    return heta_i_fail(error, HETA_E_FORMAT,
                       "%s: tensor position_embd.weight is missing; the file is incomplete",
                       heta_i_file_path(model->file));
  return check_matrix(model, model->position_embedding,
                      model->hyper.context + model->position_offset, model->hyper.width, error);
}

/* ---- The whole program ----------------------------------------------------------------------- */

/* Whether an op reads a tensor of this stem. */
static bool reads(const heta_i_op *program, const char *stem, size_t size) {
  for (; program->out != HETA_SITE_NONE; program++) {
    const char *names[] = {program->weight, program->fallback, program->fused};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
      if (names[i] && strlen(names[i]) == size && !memcmp(names[i], stem, size)) return true;
  }
  return false;
}

static bool is_used(const heta_model *model, const char *name) {
  static const char *const TABLES[] = {"rope_freqs.weight", "rope_factors_short.weight",
                                       "rope_factors_long.weight"};
  const char *dot = strrchr(name, '.');
  const heta_i_architecture *family = model->architecture;
  if (!dot || (strcmp(dot, ".weight") && strcmp(dot, ".bias"))) return false;
  if (!strcmp(name, "token_embd.weight")) return true;
  if (!strcmp(name, "position_embd.weight")) return family->learned_positions;
  for (size_t i = 0; i < sizeof TABLES / sizeof *TABLES; i++)
    if (!strcmp(name, TABLES[i])) return model->hyper.rotary[HETA_ROTARY_GLOBAL].dims > 0;
  if (strncmp(name, "blk.", 4)) return reads(family->head, name, (size_t)(dot - name));
  char *stem;
  unsigned long layer = strtoul(name + 4, &stem, 10);
  return stem > name + 4 && *stem == '.' && stem < dot && layer < model->hyper.layers &&
         reads(family->block, stem + 1, (size_t)(dot - stem - 1));
}

/* Weights that the program does not read belong to another model than the one it computes. */
static heta_status refuse_unused(const heta_model *model, heta_error *error) {
  for (size_t i = 0; i < heta_i_file_tensor_count(model->file); i++) {
    const heta_i_tensor *tensor = heta_i_file_tensor_at(model->file, i);
    if (!is_used(model, tensor->name))
      return heta_i_fail_at(error, HETA_E_UNSUPPORTED, tensor->offset,
                            "%s: tensor %s has no place in a model of %zu layers of the "
                            "architecture '%s'; computing without it would be another model",
                            heta_i_file_path(model->file), tensor->name, model->hyper.layers,
                            model->architecture->name);
  }
  return HETA_OK;
}

heta_status heta_i_load_tensors(heta_model *model, heta_error *error) {
  const heta_i_op *block = model->architecture->block, *head = model->architecture->head;
  HETA_TRY(load_embedding(model, error));
  HETA_TRY(load_positions(model, error));
  while (block[model->block_ops].out != HETA_SITE_NONE) model->block_ops++;
  /* A head without cap ends before it. */
  while (head[model->head_ops].out != HETA_SITE_NONE &&
         (head[model->head_ops].kind != HETA_OP_SOFT_CAP || model->hyper.logit_cap > 0))
    model->head_ops++;
  model->block_weights = heta_i_arena_take(model->memory, model->hyper.layers * model->block_ops,
                                           sizeof *model->block_weights);
  if (!model->block_weights)
    return heta_i_no_memory(error, "the weight table", model->hyper.layers);
  for (size_t layer = 0; layer < model->hyper.layers; layer++)
    for (size_t i = 0; i < model->block_ops; i++)
      HETA_TRY(load_op(model, block, &block[i], (long)layer,
                       &model->block_weights[layer * model->block_ops + i], error));
  for (size_t i = 0; i < model->head_ops; i++)
    HETA_TRY(load_op(model, head, &head[i], -1, &model->head_weights[i], error));
  return refuse_unused(model, error);
}
