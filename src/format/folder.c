/* folder.c: what lies in a folder. */
#include "format/folder.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

bool heta_i_is_folder(const char *path) {
  struct stat about;
  return !stat(path, &about) && S_ISDIR(about.st_mode);
}

bool heta_i_is_there(const char *path) {
  struct stat about;
  return !stat(path, &about);
}

char *heta_i_folder_path(heta_i_arena *arena, const char *folder, const char *name) {
  size_t length = strlen(folder);
  const char *slash = length && folder[length - 1] == '/' ? "" : "/";
  return heta_i_arena_print(arena, "%s%s%s", folder, slash, name);
}

static bool ends_in(const char *name, const char *const *endings) {
  size_t length = strlen(name);
  for (; *endings; endings++) {
    size_t size = strlen(*endings);
    if (length >= size && !strcmp(name + length - size, *endings)) return true;
  }
  return false;
}

char *heta_i_folder_find(heta_i_arena *arena, const char *folder, const char *const *endings) {
  char *found = NULL;
  DIR *listing = opendir(folder);
  if (!listing) return NULL;
  for (const struct dirent *entry; (entry = readdir(listing));)
    if (ends_in(entry->d_name, endings) && (!found || strcmp(entry->d_name, found) < 0))
      found = heta_i_arena_string(arena, entry->d_name, strlen(entry->d_name));
  closedir(listing);
  return found;
}
