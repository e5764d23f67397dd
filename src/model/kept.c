/* kept.c: expanded weights that outlive their engine, until the model is closed. */
#include "model/kept.h"

#include "base/memory.h"

heta_i_kept *heta_i_kept_open(void) {
  heta_i_kept *kept = heta_i_allocate(1, sizeof *kept);
  if (!kept) return NULL;
  if (pthread_mutex_init(&kept->lock, NULL)) {
    heta_i_free(kept);
    return NULL;
  }
  if (pthread_mutex_init(&kept->speed_lock, NULL)) {
    pthread_mutex_destroy(&kept->lock);
    heta_i_free(kept);
    return NULL;
  }
  return kept;
}

void heta_i_kept_drop(heta_i_kept_slot *slot) {
  if (slot->users || !slot->weights) return;
  slot->free(slot->weights);
  slot->weights = NULL;
}

void heta_i_kept_close(heta_i_kept *kept) {
  if (!kept) return;
  for (int i = 0; i < HETA_KEPT_KINDS; i++) heta_i_kept_drop(&kept->slot[i]);
  pthread_mutex_destroy(&kept->lock);
  pthread_mutex_destroy(&kept->speed_lock);
  heta_i_free(kept);
}
