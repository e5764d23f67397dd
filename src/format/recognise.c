/* recognise.c: what a file seems to be, by its first bytes. */
#include "format/recognise.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "format/bytes.h"
#include "format/quote.h"

#define CONVERT "convert the model to GGUF, or save it as safetensors"
#define UNPACK "unpack it and name the .gguf file inside"
#define FETCH "fetch the model file again"

/* Kinds told by fixed bytes at a fixed place. */
static const struct kind {
  size_t at, size;
  const char *bytes;
  heta_status status;
  const char *is, *advice;
} KINDS[] = {
    {0, 4, "PK\3\4", HETA_E_UNSUPPORTED, "a zip archive, as PyTorch checkpoints are", CONVERT},
    {0, 2, "\x80\2", HETA_E_UNSUPPORTED, "a Python pickle (an old PyTorch checkpoint)", CONVERT},
    {0, 2, "\x80\4", HETA_E_UNSUPPORTED, "a Python pickle", CONVERT},
    {0, 4, "\x89HDF", HETA_E_UNSUPPORTED, "an HDF5 file", CONVERT},
    {0, 4, "lmgg", HETA_E_UNSUPPORTED, "a GGML file, which GGUF replaced", CONVERT},
    {0, 4, "fmgg", HETA_E_UNSUPPORTED, "a GGMF file, which GGUF replaced", CONVERT},
    {0, 4, "tjgg", HETA_E_UNSUPPORTED, "a GGJT file, which GGUF replaced", CONVERT},
    {0, 2, "\x1f\x8b", HETA_E_UNSUPPORTED, "compressed with gzip", UNPACK},
    {0, 3, "BZh", HETA_E_UNSUPPORTED, "compressed with bzip2", UNPACK},
    {0, 6, "\3757zXZ\0", HETA_E_UNSUPPORTED, "compressed with xz", UNPACK},
    {0, 4, "\x28\xb5\x2f\xfd", HETA_E_UNSUPPORTED, "compressed with zstd", UNPACK},
    {0, 6, "7z\xbc\xaf\x27\x1c", HETA_E_UNSUPPORTED, "a 7z archive", UNPACK},
    {257, 5, "ustar", HETA_E_UNSUPPORTED, "a tar archive", UNPACK},
    {0, 4, "\177ELF", HETA_E_FORMAT, "a program", "name a model file"},
    {0, 24, "version https://git-lfs.", HETA_E_FORMAT, "a Git LFS pointer, not the model itself",
     "fetch the model with \"git lfs pull\""},
};

/* Whether the text begins with word, letters of either case. */
static bool begins(const unsigned char *bytes, size_t size, const char *word) {
  for (; *word; word++, bytes++, size--) {
    if (!size) return false;
    unsigned char letter = *bytes >= 'A' && *bytes <= 'Z' ? *bytes + 32 : *bytes;
    if (letter != (unsigned char)*word) return false;
  }
  return true;
}

static heta_status is_not(heta_error *error, heta_status status, const char *path, const char *is,
                          const char *advice) {
  char shown[HETA_QUOTE];
  return heta_i_fail_at(error, status, 0, "%s is not a GGUF model file: it seems to be %s; %s",
                        heta_i_quote_string(shown, path), is, advice);
}

static heta_status another_kind(const heta_i_map *map, const char *path, heta_error *error) {
  const unsigned char *bytes = map->bytes;
  size_t size = map->size;
  for (size_t k = 0; k < sizeof KINDS / sizeof *KINDS; k++) {
    const struct kind *kind = &KINDS[k];
    if (size >= kind->at && size - kind->at >= kind->size &&
        !memcmp(bytes + kind->at, kind->bytes, kind->size))
      return is_not(error, kind->status, path, kind->is, kind->advice);
  }
  size_t start = size >= 3 && !memcmp(bytes, "\xef\xbb\xbf", 3) ? 3 : 0;
  while (start < size && strchr(" \t\r\n", bytes[start]) && bytes[start]) start++;
  bytes += start;
  size -= start;
  if (begins(bytes, size, "<!doctype") || begins(bytes, size, "<html") ||
      begins(bytes, size, "<?xml") || begins(bytes, size, "<head"))
    return is_not(error, HETA_E_FORMAT, path, "a web page",
                  "the address it came from wants a login or is not the model's: " FETCH);
  if (size && (*bytes == '{' || *bytes == '['))
    return is_not(error, HETA_E_FORMAT, path, "a JSON text",
                  "name a .gguf file, or the folder of a model");
  size_t zeros = 0;
  while (zeros < map->size && zeros < 4096 && !map->bytes[zeros]) zeros++;
  if (zeros == map->size || zeros == 4096)
    return is_not(error, HETA_E_FORMAT, path, "empty space (it begins with zeros)",
                  "a download that did not finish looks like this: " FETCH);
  char first[40];
  snprintf(first, sizeof first, "%02x %02x %02x %02x", map->bytes[0],
           map->size > 1 ? map->bytes[1] : 0, map->size > 2 ? map->bytes[2] : 0,
           map->size > 3 ? map->bytes[3] : 0);
  char shown[HETA_QUOTE];
  return heta_i_fail_at(error, HETA_E_FORMAT, 0,
                        "%s is not a GGUF model file: it begins with the bytes %s, not with "
                        "\"GGUF\"; name a .gguf file",
                        heta_i_quote_string(shown, path), first);
}

heta_status heta_i_recognise(const heta_i_map *map, const char *path, heta_error *error) {
  char shown[HETA_QUOTE];
  heta_i_quote_string(shown, path);
  size_t size = map->size;
  if (!size) return heta_i_fail_at(error, HETA_E_FORMAT, 0, "%s is empty (0 bytes); " FETCH, shown);
  if (memcmp(map->bytes, "GGUF", size < 4 ? size : 4)) return another_kind(map, path, error);
  if (size < 8)
    return heta_i_fail_at(
        error, HETA_E_FORMAT, size,
        "%s ends at byte %zu, within the GGUF header: the file is cut short; " FETCH, shown, size);
  uint32_t version = heta_i_le32(map->bytes + 4);
  if (version == 2 || version == 3) return HETA_OK;
  if (version == 1)
    return heta_i_fail_at(error, HETA_E_UNSUPPORTED, 4,
                          "%s is GGUF version 1; heta reads versions 2 and 3: fetch a newer "
                          "conversion of the model",
                          shown);
  if (version >= 0x01000000 && !(version & 0xffff)) /* a small number, written backwards */
    return heta_i_fail_at(error, HETA_E_UNSUPPORTED, 4,
                          "%s is a big-endian GGUF file; heta reads little-endian files: convert "
                          "the model for little-endian machines",
                          shown);
  return heta_i_fail_at(error, HETA_E_UNSUPPORTED, 4,
                        "%s says it is GGUF version %" PRIu32 "; heta reads versions 2 and 3: use "
                        "a newer heta, or fetch the file again if it may be damaged",
                        shown, version);
}
