/* assertion.h: what --assert says about a result, read from its text and judged. The grammar and
 * what each measure means: docs/assert.md. */
#ifndef HETA_CLI_ASSERTION_H
#define HETA_CLI_ASSERTION_H

#include "cli/options.h"

enum { CLI_CLAIMS = 16 }; /* of one assertion */

/* A part of the context. */
typedef struct cli_place {
  enum {
    CLI_PLACE_SEGMENT, /* the segment whose id is `text` */
    CLI_PLACE_ROLE,    /* segments of `role`; with `text`: those of that name */
    CLI_PLACE_WORD,    /* each occurrence of `text` as a whole word */
    CLI_PLACE_TEXT,    /* each occurrence of `text` */
    CLI_PLACE_SPAN,    /* bytes [from, to) of the input's text */
    CLI_PLACE_TOKEN    /* token number `from` */
  } kind;
  const char *role; /* static, or NULL */
  const char *text; /* owned by the assertion, NUL-terminated; or NULL */
  size_t from, to;
} cli_place;

typedef struct cli_claim {
  enum { CLI_SHARE, CLI_TEXT_SHARE, CLI_TOP } measure;
  cli_place place;
  size_t top; /* CLI_TOP: among how many */
  enum { CLI_BELOW, CLI_AT_MOST, CLI_ABOVE, CLI_AT_LEAST } compare;
  double bound;
  size_t start, end; /* where it stands in the assertion's text */
} cli_claim;

typedef struct cli_assertion {
  const char *source; /* borrowed */
  bool one_target;    /* else it speaks of every target */
  size_t target;
  size_t claim_count;
  cli_claim claims[CLI_CLAIMS];
  char *strings; /* owned: what the places' texts point into */
} cli_assertion;

// clang-format off
/* The row of the commands that judge. `field` is their cli_list in `type`. */
#define CLI_ASSERT_OPTION(type, field)                                                            \
  {0, "assert", NULL, CLI_LIST, offsetof(type, field), "CLAIM", 0, 0, 0, NULL,                    \
   "end with exit code 3 unless this holds, such as 'share(word:France) > 0.1'; may be repeated"}
// clang-format on

/* Reads one assertion. On failure `message` holds one sentence, with the place in the text, and
 * nothing is to be released. `source` must outlive the assertion. */
bool cli_assertion_read(const char *source, cli_assertion *out, char message[CLI_MESSAGE]);
void cli_assertion_release(cli_assertion *assertion);

/* Checks that all can be read, before any work. */
bool cli_assertions_check(const cli_list *sources, char message[CLI_MESSAGE]);

/* Judges a complete result and says how each assertion fared; quiet: only what does not hold.
 * Returns CLI_DONE, CLI_ASSERT when one does not hold, or CLI_USAGE when one speaks of something
 * that the result does not have. judge.c */
int cli_assertions_judge(const cli_list *sources, const heta_attribution *attribution, bool quiet);

#endif
