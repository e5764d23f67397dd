/* plan.c: what passes cost in operations and memory. Compiled once; precision is an argument. */
#include "engine/engine.h"

heta_i_lane heta_i_lane_of(const int32_t *tokens, size_t length) {
  return (heta_i_lane){
      .tokens = tokens, .length = length, .edit_row = SIZE_MAX, .hidden_key = SIZE_MAX};
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
