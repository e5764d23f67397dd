/* folder.h: model folders and safetensors files, made by tests. A failure aborts: it is a defect of
 * the test. */
#ifndef HETA_TESTS_FOLDER_H
#define HETA_TESTS_FOLDER_H

#include <stddef.h>

enum { FOLDER_PATH = 256 };

/* The bytes of a safetensors file: the header's size, the header, and `data` bytes 0, 1, 2, …
 * *size is set; free with heta_i_free. */
unsigned char *folder_safetensors(const char *header, size_t data, size_t *size);

/* A new empty folder under $TMPDIR or /tmp; folder_remove removes it with the files in it. */
void folder_make(char folder[FOLDER_PATH]);
void folder_remove(const char *folder);
void folder_write(const char *folder, const char *name, const void *bytes, size_t size);
void folder_text(const char *folder, const char *name, const char *text);
/* Copies every file of one folder into another. */
void folder_copy(const char *from, const char *to);
/* The whole file with a NUL behind it; free with heta_i_free. */
char *folder_read(const char *folder, const char *name, size_t *size);

#endif
