/* fuzz_assertion.c: any text for --assert: refused with a sentence, or claims that lie in the text
 * in order, with places that have what their kind needs. */
#include "cli/assertion.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(bool good) {
  if (!good) abort();
}

static void check_place(const cli_place *place) {
  switch (place->kind) {
  case CLI_PLACE_SEGMENT:
  case CLI_PLACE_WORD:
  case CLI_PLACE_TEXT: check(place->text && *place->text); break;
  case CLI_PLACE_ROLE: check(place->role != NULL); break;
  case CLI_PLACE_SPAN: check(place->from < place->to); break;
  case CLI_PLACE_TOKEN: break;
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  char *source = malloc(size + 1), message[CLI_MESSAGE];
  cli_assertion assertion;
  check(source != NULL);
  memcpy(source, bytes, size);
  source[size] = 0;
  memset(message, 'x', sizeof message);
  if (cli_assertion_read(source, &assertion, message)) {
    size_t at = 0;
    check(assertion.claim_count > 0 && assertion.claim_count <= CLI_CLAIMS);
    for (size_t i = 0; i < assertion.claim_count; i++) {
      const cli_claim *claim = &assertion.claims[i];
      check(claim->start >= at && claim->end > claim->start && claim->end <= strlen(source));
      check(isfinite(claim->bound) && (claim->measure != CLI_TOP || claim->top > 0));
      check_place(&claim->place);
      at = claim->end;
    }
    cli_assertion_release(&assertion);
  } else {
    check(memchr(message, 0, sizeof message) != NULL && strlen(message) > 10);
  }
  free(source);
  return 0;
}
