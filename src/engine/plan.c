/* plan.c: what passes cost in operations and memory. Compiled once; precision is an argument. */
#include "engine/engine.h"

/* Weights are expanded once unless that takes more than this. */
static const uint64_t EXPAND_BELOW = (uint64_t)6 << 30;

enum { LANE_ROWS = 20 * HETA_ROW_PAD };

const heta_i_engine_api *heta_i_engine_api_of(heta_precision precision) {
  return precision == HETA_PRECISION_F64 ? heta_i_engine_api_f64() : heta_i_engine_api_f32();
}

heta_i_lane heta_i_lane_of(const int32_t *tokens, size_t length) {
  return (heta_i_lane){
      .tokens = tokens, .length = length, .edit_row = SIZE_MAX, .hidden_key = SIZE_MAX};
}

size_t heta_i_lane_rows(size_t positions) {
  size_t least = heta_i_pad_rows(positions);
  return least > LANE_ROWS ? least : LANE_ROWS;
}

bool heta_i_expand_once(const heta_model *model, size_t element) {
  return model->info.parameters * element < EXPAND_BELOW;
}

double heta_i_block_flop(const heta_model *model) {
  double flop = 0;
  for (size_t i = 0; i < model->hyper.layers * model->block_ops; i++)
    flop += 2.0 * (double)model->block_weights[i].rows * (double)model->block_weights[i].cols;
  return flop;
}

double heta_i_head_flop(const heta_model *model) {
  double flop = 0;
  for (size_t i = 0; i < model->head_ops; i++)
    flop += 2.0 * (double)model->head_weights[i].rows * (double)model->head_weights[i].cols;
  return flop;
}

double heta_i_attention_flop(const heta_model *model, double keys) {
  const heta_i_hyper *hyper = &model->hyper;
  double seen = 0;
  for (size_t l = 0; l < hyper->layers; l++) {
    double window = (double)hyper->layer[l].window;
    seen += window > 0 && window < keys ? window : keys;
  }
  return 2.0 * (double)(hyper->heads * hyper->head_width) * seen;
}
