/* folder.c: model folders and safetensors files, made by tests. */
#include "support/folder.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

enum { PATH = FOLDER_PATH + 256 };

static void need(bool good, const char *what) {
  if (good) return;
  perror(what);
  abort();
}

unsigned char *folder_safetensors(const char *header, size_t data, size_t *size) {
  size_t length = strlen(header);
  unsigned char *bytes = heta_i_allocate(8 + length + data, 1);
  need(bytes, "folder_safetensors");
  for (size_t i = 0; i < 8; i++) bytes[i] = (unsigned char)(length >> 8 * i);
  memcpy(bytes + 8, header, length);
  for (size_t i = 0; i < data; i++) bytes[8 + length + i] = (unsigned char)i;
  *size = 8 + length + data;
  return bytes;
}

void folder_make(char folder[FOLDER_PATH]) {
  const char *place = getenv("TMPDIR");
  int length = snprintf(folder, FOLDER_PATH, "%s/heta-XXXXXX", place && *place ? place : "/tmp");
  need(length > 0 && length < FOLDER_PATH && mkdtemp(folder), "folder_make");
}

static void path_of(char out[PATH], const char *folder, const char *name) {
  int length = snprintf(out, PATH, "%s/%s", folder, name);
  need(length > 0 && length < PATH, "a path");
}

void folder_remove(const char *folder) {
  char path[PATH];
  DIR *listing = opendir(folder);
  need(listing, folder);
  for (const struct dirent *entry; (entry = readdir(listing));) {
    if (*entry->d_name == '.') continue;
    path_of(path, folder, entry->d_name);
    unlink(path);
  }
  closedir(listing);
  need(!rmdir(folder), folder);
}

void folder_write(const char *folder, const char *name, const void *bytes, size_t size) {
  char path[PATH];
  path_of(path, folder, name);
  FILE *file = fopen(path, "wb");
  need(file, path);
  need(fwrite(bytes, 1, size, file) == size, path);
  need(!fclose(file), path);
}

void folder_text(const char *folder, const char *name, const char *text) {
  folder_write(folder, name, text, strlen(text));
}

char *folder_read(const char *folder, const char *name, size_t *size) {
  char path[PATH];
  path_of(path, folder, name);
  FILE *file = fopen(path, "rb");
  need(file && !fseek(file, 0, SEEK_END), path);
  long length = ftell(file);
  need(length >= 0 && !fseek(file, 0, SEEK_SET), path);
  char *bytes = heta_i_allocate((size_t)length + 1, 1);
  need(bytes && fread(bytes, 1, (size_t)length, file) == (size_t)length, path);
  fclose(file);
  *size = (size_t)length;
  return bytes;
}

void folder_copy(const char *from, const char *to) {
  DIR *listing = opendir(from);
  need(listing, from);
  for (const struct dirent *entry; (entry = readdir(listing));) {
    size_t size;
    if (*entry->d_name == '.') continue;
    char *bytes = folder_read(from, entry->d_name, &size);
    folder_write(to, entry->d_name, bytes, size);
    heta_i_free(bytes);
  }
  closedir(listing);
}
