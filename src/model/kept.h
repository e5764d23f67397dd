/* kept.h: what engines and jobs leave with their model for the next: expanded weights, and how fast
 * this machine computes with the model. */
#ifndef HETA_MODEL_KEPT_H
#define HETA_MODEL_KEPT_H

#include "heta/heta.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* One of a kind (a precision); who makes it says how it is freed. */
typedef struct heta_i_kept_slot {
  void *weights; /* NULL: none are kept */
  size_t users;  /* engines that read them now */
  void (*free)(void *weights);
} heta_i_kept_slot;

enum { HETA_KEPT_F32, HETA_KEPT_F64, HETA_KEPT_KINDS };

enum { HETA_KEPT_SPEEDS = 8 };

/* The lock is held while weights are expanded, so that two engines do not do it at once. */
typedef struct heta_i_kept {
  pthread_mutex_t lock, speed_lock;
  heta_speed speeds[HETA_KEPT_SPEEDS]; /* the newest; each of other threads, backend, precision */
  size_t speed_count;
  heta_i_kept_slot slot[HETA_KEPT_KINDS];
} heta_i_kept;

/* NULL when there is no memory for it. */
heta_i_kept *heta_i_kept_open(void);
void heta_i_kept_close(heta_i_kept *kept); /* NULL is accepted; no engine uses it any more */
/* Frees what no engine uses. Under the lock. */
void heta_i_kept_drop(heta_i_kept_slot *slot);

#endif
