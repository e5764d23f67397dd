/* hyper.h: reading a model's hyper-parameters, the first step of opening it. */
#ifndef HETA_MODEL_HYPER_H
#define HETA_MODEL_HYPER_H

#include "model/model.h"

/* Fills model->hyper, but for the vocabulary, from the file's metadata; memory from the model's
 * arena. Refuses (HETA_E_UNSUPPORTED) what the metadata says and heta does not compute. */
heta_status heta_i_read_hyper(heta_model *model, heta_error *error);
/* Its last step: the tables of rotation angles, when the family's program rotates. */
heta_status heta_i_read_rotary(heta_model *model, heta_error *error);
/* Whether a kind of op occurs in a program. */
bool heta_i_has_op(const heta_i_op *program, heta_i_op_kind kind);

#endif
