/* fuzz_suite.c: any bytes as a suite of questions: refused with a sentence, or items whose spans
 * lie in their text, on whole characters. */
#include "cli/eval/suite.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(bool good) {
  if (!good) abort();
}

static bool begins_character(const char *text, size_t at) { return (text[at] & 0xc0) != 0x80; }

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static bool quiet;
  eval_suite suite;
  if (!quiet) { /* what is refused is said there, a million times */
    FILE *nowhere = fopen("/dev/null", "w");
    if (nowhere) stderr = nowhere;
    quiet = true;
  }
  int code = eval_suite_parse("input", "input", (const char *)bytes, size, 0, &suite);
  check(code == CLI_DONE || code == CLI_FAILED);
  check(code || suite.count > 0);
  for (size_t i = 0; !code && i < suite.count; i++) {
    const eval_item *item = &suite.items[i];
    size_t length = strlen(item->text);
    check(*item->name && length && *item->target && strlen(item->digest) == 64);
    for (size_t s = 0; s < item->span_count; s++) {
      const eval_span *span = &item->spans[s];
      check(*span->role && span->start < span->end && span->end <= length);
      check(begins_character(item->text, span->start) && begins_character(item->text, span->end));
    }
  }
  eval_suite_free(&suite);
  return 0;
}
