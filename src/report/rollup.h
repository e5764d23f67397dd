/* rollup.h: rows summed over the units of a level, with the standard errors of the sums. */
#ifndef HETA_REPORT_ROLLUP_H
#define HETA_REPORT_ROLLUP_H

#include "report/view.h"

/* The roll-up a report shows: one that a stored result brought along, else one made now. Release
 * with heta_i_rollup_close. HETA_E_MEMORY. */
typedef struct heta_i_rollup {
  const heta_rollup *shown;
  heta_rollup *made; /* NULL when shown is the result's own */
} heta_i_rollup;
heta_status heta_i_rollup_open(const heta_attribution *attribution, heta_level level,
                               heta_i_rollup *out, heta_error *error);
void heta_i_rollup_close(heta_i_rollup *rollup);

/* Whether a component is estimated by probes that move all tokens at once, so that its errors at
 * different tokens are not independent and sums need the samples. */
bool heta_i_moves_jointly(const heta_component_info *component);
/* The samples of a component, or NULL when the result does not have them. */
const heta_series *heta_i_samples_of(const heta_attribution *attribution, const char *component);

/* A unit's part of the text; of one that covers none, its first token's name. Borrowed. */
const char *heta_i_rollup_text(const heta_attribution *attribution, const heta_unit *unit,
                               size_t *size);
/* What a unit of messages or documents is called: "document faq", "user 2", "answer". Empty for
 * other levels, for what is set apart, and for a text without named parts. */
typedef struct heta_i_unit_name {
  char text[160];
} heta_i_unit_name;
heta_i_unit_name heta_i_rollup_name(const heta_attribution *attribution, const heta_rollup *rollup,
                                    size_t unit);

/* Fills `best` with the row's units of largest |value|, descending (equal: the earlier one first),
 * set apart ones only or others only; returns how many, at most `limit`. */
size_t heta_i_rollup_best(const heta_attribution *attribution, const heta_rollup *rollup,
                          const heta_row *row, bool apart, size_t limit, size_t *best);

#endif
