/* replay.c: runs a fuzz target once on every file of the given files and folders, without a fuzzer,
 * so that every build checks the inputs that were once interesting. */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fail(const char *path) {
  fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
  return -1;
}

/* Returns 1 (one input replayed) or -1. */
static int replay_file(const char *path, size_t size) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    return fail(path);
  }
  /* A block of exactly the input's size, so that a sanitizer sees the first byte read past it. */
  uint8_t *data = malloc(size ? size : 1);
  int done = -1;
  if (data == NULL || fread(data, 1, size, file) != size) {
    fail(path);
  } else {
    LLVMFuzzerTestOneInput(data, size);
    done = 1;
  }
  free(data);
  fclose(file);
  return done;
}

/* Returns the number of inputs replayed below path, or -1. */
static int replay(const char *path) {
  struct stat info;
  if (stat(path, &info) != 0) {
    return fail(path);
  }
  if (!S_ISDIR(info.st_mode)) {
    return replay_file(path, (size_t)info.st_size);
  }
  DIR *folder = opendir(path);
  if (folder == NULL) {
    return fail(path);
  }
  int count = 0;
  for (struct dirent *entry; count >= 0 && (entry = readdir(folder)) != NULL;) {
    char inner[4096];
    if (entry->d_name[0] != '.') {
      snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
      int done = replay(inner);
      count = done < 0 ? -1 : count + done;
    }
  }
  closedir(folder);
  return count;
}

int main(int argc, char **argv) {
  int count = 0;
  for (int i = 1; i < argc; i++) {
    int done = replay(argv[i]);
    if (done < 0) {
      return 1;
    }
    count += done;
  }
  printf("%d inputs replayed\n", count);
  return count == 0; /* a corpus that is gone must not pass */
}
