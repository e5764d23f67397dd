/* tree.c: the files below a folder, sorted. */
#include "store/tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "format/quote.h"

enum { MOST_NAMES = 100000 };

typedef struct walk {
  size_t root; /* length of the root and its slash */
  size_t names;
  heta_i_tree_visit visit;
  void *context;
  heta_error *error;
} walk;

typedef struct names {
  char **items; /* in the arena of the folder */
  size_t count, room;
} names;

static int compare(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static heta_status read_names(walk *w, DIR *folder, heta_i_arena *arena, names *out) {
  struct dirent *entry;
  while ((entry = readdir(folder))) {
    if (entry->d_name[0] == '.') continue;
    if (++w->names > MOST_NAMES)
      return heta_i_fail(w->error, HETA_E_ARGUMENT,
                         "a folder of models holds more than %d names; is it one?", MOST_NAMES);
    if (out->count == out->room) {
      size_t room = out->room ? 2 * out->room : 32;
      char **grown = heta_i_arena_take(arena, room, sizeof *grown);
      if (!grown) return heta_i_no_memory(w->error, "the names in a folder", room);
      if (out->count) memcpy(grown, out->items, out->count * sizeof *grown);
      out->items = grown;
      out->room = room;
    }
    char *name = heta_i_arena_string(arena, entry->d_name, strlen(entry->d_name));
    if (!name) return heta_i_no_memory(w->error, "a file's name", strlen(entry->d_name));
    out->items[out->count++] = name;
  }
  if (out->count) qsort(out->items, out->count, sizeof *out->items, compare);
  return HETA_OK;
}

static heta_status walk_folder(walk *w, const char *path, int depth) {
  heta_i_arena arena = {0};
  heta_status status = HETA_OK;
  names found = {0};
  DIR *folder = opendir(path);
  if (!folder && (errno == ENOENT || errno == ENOTDIR)) return HETA_OK;
  const char *below = strlen(path) > w->root ? path + w->root : "";
  if (!folder) return w->visit(w->context, path, below, NULL, w->error);
  HETA_GO(read_names(w, folder, &arena, &found));
  for (size_t i = 0; i < found.count; i++) {
    struct stat about;
    char *file = heta_i_arena_print(&arena, "%s/%s", path, found.items[i]);
    if (!file) HETA_GO(heta_i_no_memory(w->error, "a file's path", strlen(path)));
    if (stat(file, &about)) continue; /* gone, or a link to nowhere */
    if (S_ISREG(about.st_mode)) {
      HETA_GO(w->visit(w->context, file, file + w->root, &about, w->error));
    } else if (S_ISDIR(about.st_mode) && depth > 0) {
      HETA_GO(walk_folder(w, file, depth - 1));
    }
  }
done:
  closedir(folder);
  heta_i_arena_free(&arena);
  return status;
}

heta_status heta_i_tree_walk(const char *root, int depth, heta_i_tree_visit visit, void *context,
                             heta_error *error) {
  walk w = {.root = strlen(root) + 1, .visit = visit, .context = context, .error = error};
  return *root ? walk_folder(&w, root, depth) : HETA_OK;
}
