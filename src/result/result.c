/* result.c: an attribution and what it is borrowed from, as one object. */
#include "result/result.h"

#include "base/memory.h"

struct heta_result {
  const heta_attribution *attribution;
  void *owner;
  void (*release)(void *owner);
};

heta_status heta_i_result_make(const heta_attribution *attribution, void *owner,
                               void (*release)(void *owner), heta_result **out, heta_error *error) {
  heta_result *result = heta_i_allocate(1, sizeof *result);
  if (!result) return heta_i_no_memory(error, "a result", sizeof *result);
  *result = (heta_result){attribution, owner, release};
  *out = result;
  return HETA_OK;
}

const heta_attribution *heta_result_get(const heta_result *result) { return result->attribution; }

void heta_result_free(heta_result *result) {
  if (!result) return;
  result->release(result->owner);
  heta_i_free(result);
}
