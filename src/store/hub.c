/* hub.c: the cache of the Hugging Face hub: models--ORG--NAME/snapshots/REVISION/… are links to
 * blobs; refs/main says which revision is the branch "main". Models of that one are called
 * hf:ORG/NAME/FILE, those of others hf:ORG/NAME@REVISION/FILE. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "store/models.h"
#include "store/tree.h"

static const char SOURCE[] = "hf";
enum { DEPTH = 8, REVISION = 64 };

typedef struct scan {
  heta_models *models;
  char of[256],
      revision[REVISION + 1]; /* the folder that refs/main was read in, and what it says */
} scan;

static void read_main(scan *s, const char *path, const char *folder, size_t length) {
  FILE *file = length < sizeof s->of ? fopen(path, "rb") : NULL;
  if (!file) return;
  size_t got = fread(s->revision, 1, REVISION, file);
  fclose(file);
  s->revision[got] = 0;
  s->revision[strspn(s->revision, "0123456789abcdef")] = 0;
  memcpy(s->of, folder, length);
  s->of[length] = 0;
}

/* "org/name" from "models--org--name", in the arena. */
static char *name_of(heta_i_arena *memory, const char *folder, size_t length) {
  char *name = heta_i_arena_string(memory, folder, length);
  char *split = name ? strstr(name, "--") : NULL;
  if (split) {
    *split = '/';
    memmove(split + 1, split + 2, strlen(split + 2) + 1);
  }
  return name;
}

static heta_status visit(void *context, const char *path, const char *below,
                         const struct stat *about, heta_error *error) {
  static const char PREFIX[] = "models--", SNAPSHOTS[] = "/snapshots/";
  scan *s = context;
  if (!about) return heta_i_models_unreadable(s->models, SOURCE, path, errno, error);
  size_t length = strcspn(below, "/");
  const char *rest = below + length;
  if (strncmp(below, PREFIX, strlen(PREFIX))) return HETA_OK;
  if (!strcmp(rest, "/refs/main")) read_main(s, path, below, length); /* sorted before snapshots */
  if (strncmp(rest, SNAPSHOTS, strlen(SNAPSHOTS))) return HETA_OK;
  const char *revision = rest + strlen(SNAPSHOTS), *file = strchr(revision, '/');
  if (!file) return HETA_OK;
  size_t digits = (size_t)(file - revision);
  bool is_main = strlen(s->of) == length && !memcmp(s->of, below, length) &&
                 strlen(s->revision) == digits && !memcmp(s->revision, revision, digits);
  heta_i_arena *memory = &s->models->memory;
  char *before = name_of(memory, below + strlen(PREFIX), length - strlen(PREFIX));
  if (before && !is_main)
    before = heta_i_arena_print(memory, "%s@%.*s", before, (int)digits, revision);
  if (!before) return heta_i_no_memory(error, "the name of a model", length);
  return heta_i_models_add_file(s->models, SOURCE, before, path, file + 1, about, error);
}

heta_status heta_i_scan_hub(heta_models *models, const heta_i_folders *folders, heta_error *error) {
  scan s = {.models = models};
  HETA_TRY(heta_i_models_folder(models, folders->hub, error));
  return heta_i_tree_walk(folders->hub, DEPTH, visit, &s, error);
}
