/* fuzz_manifest.c: any bytes as a manifest of Ollama's. Must give 64 hexadecimal digits, fit to
 * name a file, or a sentence. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/ollama.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  char digest[HETA_DIGEST] = "untouched";
  const char *problem = heta_i_ollama_read((const char *)bytes, size, digest);
  if (problem && (strlen(problem) < 20 || strcmp(digest, "untouched"))) abort();
  if (!problem && (strlen(digest) != 64 || strspn(digest, "0123456789abcdef") != 64)) abort();
  return 0;
}
