/* map.c: a file's bytes, mapped read-only. */
#include "format/map.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "format/quote.h"

static heta_status refuse(heta_error *error, const char *path, int code) {
  char shown[HETA_QUOTE], why[128];
  heta_i_quote_string(shown, path);
  if (code == ENOENT)
    return heta_i_fail(error, HETA_E_IO, "there is no file %s: check the name and the folder",
                       shown);
  if (strerror_r(code, why, sizeof why)) why[0] = 0;
  return heta_i_fail(error, HETA_E_IO, "cannot read %s (%s): check the file and its permissions",
                     shown, why);
}

heta_status heta_i_map_open(const char *path, heta_i_map *map, heta_error *error) {
  heta_status status = HETA_OK;
  char shown[HETA_QUOTE];
  struct stat about;
  void *bytes = NULL;
  /* O_NONBLOCK: a named pipe must be refused below, not waited for. */
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return refuse(error, path, errno);
  if (fstat(file, &about)) {
    status = refuse(error, path, errno);
    goto done;
  }
  if (S_ISDIR(about.st_mode)) {
    status = heta_i_fail(error, HETA_E_IO, "%s is a directory: name the .gguf file inside it",
                         heta_i_quote_string(shown, path));
    goto done;
  }
  if (!S_ISREG(about.st_mode)) {
    status = heta_i_fail(error, HETA_E_IO,
                         "%s is not a regular file and cannot be mapped: save it to disk first",
                         heta_i_quote_string(shown, path));
    goto done;
  }
  if (about.st_size < 0 || (uintmax_t)about.st_size > PTRDIFF_MAX) {
    status = heta_i_fail(error, HETA_E_MEMORY, "%s is too large to map on this machine",
                         heta_i_quote_string(shown, path));
    goto done;
  }
  if (about.st_size) {
    bytes = mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    if (bytes == MAP_FAILED) {
      status = errno == ENOMEM
                   ? heta_i_no_memory(error, "the mapping of the model file", (size_t)about.st_size)
                   : refuse(error, path, errno);
      goto done;
    }
  }
  *map = (heta_i_map){.bytes = bytes, .size = (size_t)about.st_size, .mapped = true};
done:
  close(file);
  return status;
}

void heta_i_map_close(heta_i_map *map) {
  /* munmap takes the pointer mmap gave, which was never const. */
  if (map->mapped && map->bytes) munmap((void *)(uintptr_t)map->bytes, map->size);
  *map = (heta_i_map){0};
}
