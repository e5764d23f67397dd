/* map.h: a file's bytes, mapped read-only. */
#ifndef HETA_FORMAT_MAP_H
#define HETA_FORMAT_MAP_H

#include <stdbool.h>

#include "base/status.h"

typedef struct heta_i_map {
  const unsigned char *bytes; /* NULL for an empty file */
  size_t size;
  bool mapped; /* false: the bytes are borrowed from somebody else */
} heta_i_map;

/* Maps a regular file. Errors: HETA_E_IO (missing, not readable, a directory), HETA_E_MEMORY. */
heta_status heta_i_map_open(const char *path, heta_i_map *map, heta_error *error);
/* Safe on a zeroed map and when called twice. */
void heta_i_map_close(heta_i_map *map);

#endif
