/* registry.c: the list of methods, and the public view of it. */
#include <string.h>

#include "method/method.h"

#define ENTRY(name) &heta_i_method_##name,
static const heta_i_method *const METHODS[] = {HETA_METHODS(ENTRY)};

size_t heta_i_methods(const heta_i_method *const **out) {
  *out = METHODS;
  return sizeof METHODS / sizeof *METHODS;
}

const heta_i_method *heta_i_method_find(const char *name) {
  for (size_t i = 0; name && i < sizeof METHODS / sizeof *METHODS; i++)
    if (!strcmp(METHODS[i]->info.name, name)) return METHODS[i];
  return NULL;
}

size_t heta_method_count(void) { return sizeof METHODS / sizeof *METHODS; }

const heta_method_info *heta_method_at(size_t index) {
  return index < heta_method_count() ? &METHODS[index]->info : NULL;
}

const heta_method_info *heta_method_find(const char *name) {
  const heta_i_method *method = heta_i_method_find(name);
  return method ? &method->info : NULL;
}
