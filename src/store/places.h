/* places.h: the folders in which programs keep models. */
#ifndef HETA_STORE_PLACES_H
#define HETA_STORE_PLACES_H

#include "base/memory.h"
#include "base/status.h"

/* "" where there is none. */
typedef struct heta_i_folders {
  const char *heta;
  const char *ollama[2]; /* the user's, the system service's */
  const char *llama_cpp;
  const char *hub;
  const char *lmstudio[2]; /* now, and in older versions */
} heta_i_folders;

/* places: NULL for those of the environment. Strings live in the arena and in the places. */
heta_status heta_i_folders_of(const heta_places *places, heta_i_arena *arena, heta_i_folders *out,
                              heta_error *error);

#endif
