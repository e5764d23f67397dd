/* tensors.h: finding and checking a model's tensors, the second step of opening it. */
#ifndef HETA_MODEL_TENSORS_H
#define HETA_MODEL_TENSORS_H

#include "model/model.h"

/* Fills the model's embedding, weights and widths, and hyper.vocabulary, once the hyper-parameters
 * are read. Every tensor that the program reads must be there with its shape (HETA_E_FORMAT), and
 * the file may hold no weights that the program does not read (HETA_E_UNSUPPORTED). */
heta_status heta_i_load_tensors(heta_model *model, heta_error *error);

#endif
