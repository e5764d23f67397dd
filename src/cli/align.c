/* align.c: the longest common subsequence of two token lists. */
#include "cli/difference.h"

#include <stdlib.h>
#include <string.h>

static bool same(cli_text_view a, cli_text_view b) {
  return a.size == b.size && (!a.size || memcmp(a.bytes, b.bytes, a.size) == 0);
}

/* Which way the best alignment of a[i…] and b[j…] goes on. */
enum { TAKE_BOTH = 0, SKIP_A = 1, SKIP_B = 2 };

/* Fills the (m + 1) × (n + 1) table of ways from the end on; false without memory. */
static bool fill(const cli_text_view *a, size_t m, const cli_text_view *b, size_t n,
                 unsigned char *ways) {
  uint32_t *below = calloc(n + 1, sizeof *below), *row = calloc(n + 1, sizeof *row);
  bool fine = below && row;
  for (size_t i = m; fine && i-- > 0;) {
    row[n] = 0;
    for (size_t j = n; j-- > 0;) {
      unsigned char way = SKIP_A;
      uint32_t best = below[j];
      if (same(a[i], b[j])) {
        way = TAKE_BOTH;
        best = below[j + 1] + 1;
      } else if (row[j + 1] > best) {
        way = SKIP_B;
        best = row[j + 1];
      }
      row[j] = best;
      ways[i * (n + 1) + j] = way;
    }
    uint32_t *swap = below;
    below = row;
    row = swap;
  }
  free(below);
  free(row);
  return fine;
}

cli_pair *cli_align(const cli_text_view *a, size_t a_count, const cli_text_view *b, size_t b_count,
                    size_t *count) {
  size_t first = 0, m = a_count, n = b_count, used = 0;
  /* Most of two prompts is the same: only what lies between a common beginning and end is hard. */
  while (first < m && first < n && same(a[first], b[first])) first++;
  while (m > first && n > first && same(a[m - 1], b[n - 1])) m--, n--;
  cli_pair *pairs = calloc((a_count < b_count ? a_count : b_count) + 1, sizeof *pairs);
  size_t rows = m - first, columns = n - first;
  unsigned char *ways = NULL;
  if (rows < SIZE_MAX / (columns + 1)) ways = calloc(rows + 1, columns + 1);
  if (!pairs || !ways || !fill(a + first, rows, b + first, columns, ways)) {
    free(pairs);
    free(ways);
    return NULL;
  }
  for (size_t i = 0; i < first; i++) pairs[used++] = (cli_pair){i, i};
  for (size_t i = 0, j = 0; i < rows && j < columns;) {
    unsigned char way = ways[i * (columns + 1) + j];
    if (way == TAKE_BOTH) {
      pairs[used++] = (cli_pair){first + i++, first + j++};
    } else if (way == SKIP_A) {
      i++;
    } else {
      j++;
    }
  }
  for (size_t i = 0; m + i < a_count; i++) pairs[used++] = (cli_pair){m + i, n + i};
  free(ways);
  *count = used;
  return pairs;
}
