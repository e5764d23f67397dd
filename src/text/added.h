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

/* The next added token at or after byte `from`: the leftmost one, and the longest of those; without
 * `control` only user-defined ones. False when there is none. */
bool heta_i_added_next(const heta_i_added *added, const char *text, size_t size, size_t from,
                       bool control, heta_i_added_match *out);

#endif
