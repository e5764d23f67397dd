/* html.h: texts in the pages that the program writes to standard output. */
#ifndef HETA_CLI_HTML_H
#define HETA_CLI_HTML_H

#include "cli/cli.h"

/* Escaped; bytes that are no characters become U+FFFD. */
void cli_html_put(cli_text_view text);
void cli_html_put_string(const char *text); /* NUL-terminated */

#endif
