/* recognise.h: what a file seems to be, by its first bytes. */
#ifndef HETA_FORMAT_RECOGNISE_H
#define HETA_FORMAT_RECOGNISE_H

#include "format/map.h"

/* HETA_OK when the file begins like GGUF version 2 or 3, little endian. Otherwise a message that
 * says what the file seems to be and what to do: HETA_E_UNSUPPORTED for a model file of another
 * kind, HETA_E_FORMAT for anything else. path is for messages only. */
heta_status heta_i_recognise(const heta_i_map *map, const char *path, heta_error *error);

#endif
