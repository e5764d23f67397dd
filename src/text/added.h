/* added.h: finding the added tokens (control and user-defined ones) of a text. */
#ifndef HETA_TEXT_ADDED_H
#define HETA_TEXT_ADDED_H

#include "text/vocabulary.h"

typedef struct heta_i_added_name {
  const char *bytes;
  size_t size;
  int32_t id;
  bool user;      /* user-defined: found without being asked for */
  unsigned flags; /* of the definition */
} heta_i_added_name;

typedef struct heta_i_added {
  heta_i_added_name *names; /* sorted, all different */
  size_t count;
  char *storage; /* of rewritten names */
} heta_i_added;

/* Gathers the added tokens with a name that a text can have: those that are matched in the text as
 * it is written, or those that are matched in the rewritten text. Borrows names from the
 * vocabulary. *out is released with heta_i_added_free, also after a failure. */
heta_status heta_i_added_read(const heta_i_definition *definition,
                              const heta_i_vocabulary *vocabulary, bool rewritten,
                              heta_i_added *out, heta_error *error);
void heta_i_added_free(heta_i_added *added);

typedef struct heta_i_added_match {
  int32_t id;
  size_t start, end;
} heta_i_added_match;

/* Bytes [start, end) of a text. */
typedef struct heta_i_stretch {
  size_t start, end;
} heta_i_stretch;

/* Where in a text the names of control tokens are read: everywhere, or within these stretches,
 * which are in order and do not touch. Elsewhere such a name is plain text. */
typedef struct heta_i_control {
  bool everywhere;
  const heta_i_stretch *stretches;
  size_t count;
} heta_i_control;

/* How many bytes from byte `at` on are read so: SIZE_MAX when all are, 0 when none is. */
size_t heta_i_control_room(const heta_i_control *control, size_t at);

/* A text in which added tokens are looked for, and where its bytes are in the whole text. */
typedef struct heta_i_haystack {
  const char *text;
  size_t size;
  size_t base;          /* byte 0 is here in the whole text, */
  const size_t *origin; /* and byte i at base + origin[i]; NULL: at base + i */
} heta_i_haystack;

/* The next added token at or after byte `from`: the leftmost one, and the longest of those; where
 * `control` does not reach, only user-defined ones. False when there is none. */
bool heta_i_added_next(const heta_i_added *added, const heta_i_haystack *hay, size_t from,
                       const heta_i_control *control, heta_i_added_match *out);

#endif
