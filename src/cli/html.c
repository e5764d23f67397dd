/* html.c: texts in the pages that the program writes. */
#include "cli/html.h"

#include <stdio.h>
#include <string.h>

void cli_html_put(cli_text_view text) {
  for (size_t i = 0; i < text.size;) {
    size_t length = cli_character(text.bytes + i, text.size - i);
    char c = text.bytes[i];
    if (!length) {
      fputs("\xEF\xBF\xBD", stdout);
    } else if (c == '&' || c == '<' || c == '>' || c == '"') {
      fputs(c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : "&quot;", stdout);
    } else {
      fwrite(text.bytes + i, 1, length, stdout);
    }
    i += length ? length : 1;
  }
}

void cli_html_put_string(const char *text) { cli_html_put((cli_text_view){text, strlen(text)}); }
