/* replay.c: runs a fuzz target once on every file of the given files and folders, without a fuzzer,
 * so that every build checks the inputs that were once interesting. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int fail(const char *path) {
  fprintf(stderr, "replay: %s: %s\n", path, strerror(errno));
  return -1;
}

/* A block that ends where a page begins that nobody may touch, so that the first byte read past it
 * ends the program in every build. */
typedef struct guarded {
  uint8_t *data, *pages;
  size_t bytes;
} guarded;

static guarded guarded_open(size_t size) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (size + page - 1) / page * page;
  guarded block = {.bytes = room + page};
  void *pages = mmap(NULL, block.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return block;
  if (mprotect((uint8_t *)pages + room, page, PROT_NONE) != 0) {
    munmap(pages, block.bytes);
    return block;
  }
  block.pages = pages;
  block.data = block.pages + room - size;
  return block;
}

static void guarded_close(guarded block) {
  if (block.pages != NULL) munmap(block.pages, block.bytes);
}

/* Returns 1 (one input replayed) or -1. */
static int replay_file(const char *path, size_t size) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    return fail(path);
  }
  guarded block = guarded_open(size);
  uint8_t *data = block.data;
  int done = -1;
  if (data == NULL || fread(data, 1, size, file) != size) {
    fail(path);
  } else {
    LLVMFuzzerTestOneInput(data, size);
    done = 1;
  }
  guarded_close(block);
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
