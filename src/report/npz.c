/* npz.c: the report as arrays for NumPy: an archive of .npy files (format version 1.0), stored
 * without compression. Rows are [targets × units], NaN (0 for probes, false for ties) beyond a
 * target's context. docs/result.md lists the arrays. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <zip.h>

#include "base/memory.h"
#include "report/report.h"

typedef struct packer {
  const heta_attribution *a;
  const heta_rollup *rollup;
  heta_i_arena arena; /* the arrays, which libzip reads when the archive is closed */
  zip_t *zip;
  heta_error *error;
} packer;

static heta_status zip_failed(packer *p, zip_error_t *why) {
  heta_status status = zip_error_code_zip(why) == ZIP_ER_MEMORY ? HETA_E_MEMORY : HETA_E_ARGUMENT;
  return heta_i_fail(p->error, status, "the arrays could not be packed: %s",
                     zip_error_strerror(why));
}

/* ---- Arrays ---------------------------------------------------------------------------------- */

enum { HEAD = 128 }; /* magic, version, length, description: a multiple of 64 */

/* Little-endian bytes of a number of `size` bytes. */
static void put_bytes(unsigned char *at, uint64_t bits, size_t size) {
  for (size_t i = 0; i < size; i++) at[i] = (unsigned char)(bits >> 8 * i);
}

static uint64_t bits_of(double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

/* An array in the making: its elements follow the head. */
typedef struct array {
  const char *name;
  size_t size; /* of an element */
  size_t count;
  unsigned char *file, *elements;
} array;

/* rank 0, 1 or 2; type such as "<f8". */
static heta_status start(packer *p, array *out, const char *type, size_t size, int rank,
                         size_t rows, size_t columns) {
  char shape[64] = "", text[HEAD];
  size_t count = 1, bytes = 0, whole = 0;
  if (rank == 1) snprintf(shape, sizeof shape, "%zu,", columns);
  if (rank == 2) snprintf(shape, sizeof shape, "%zu, %zu", rows, columns);
  if (rank == 1) count = columns;
  bool fits = (rank < 2 || heta_i_multiply(rows, columns, &count)) &&
              heta_i_multiply(count, size, &bytes) && heta_i_add(bytes, HEAD, &whole);
  out->file = fits ? heta_i_arena_take(&p->arena, whole, 1) : NULL;
  if (!out->file) return heta_i_no_memory(p->error, "an array of the report", bytes);
  out->elements = out->file + HEAD;
  out->size = size;
  out->count = count;
  int used = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }",
                      type, shape);
  memcpy(out->file, "\x93NUMPY\x01\x00", 8);
  put_bytes(out->file + 8, HEAD - 10, 2);
  memset(out->file + 10, ' ', HEAD - 10);
  memcpy(out->file + 10, text, (size_t)used);
  out->file[HEAD - 1] = '\n';
  return HETA_OK;
}

static void set(array *a, size_t index, uint64_t bits) {
  put_bytes(a->elements + index * a->size, bits, a->size);
}

static heta_status finish(packer *p, const array *a, const char *name) {
  char file[96];
  snprintf(file, sizeof file, "%.80s.npy", name);
  for (char *c = file; *c; c++) /* a name from a file is no path */
    if (!isalnum((unsigned char)*c) && *c != '_' && *c != '.') *c = '_';
  zip_source_t *source = zip_source_buffer(p->zip, a->file, HEAD + a->count * a->size, 0);
  zip_int64_t index = source ? zip_file_add(p->zip, file, source, ZIP_FL_ENC_UTF_8) : -1;
  if (index < 0) {
    if (source) zip_source_free(source);
    return zip_failed(p, zip_get_error(p->zip));
  }
  /* The same bytes whenever it is written: the archive's earliest date. */
  if (zip_set_file_compression(p->zip, (zip_uint64_t)index, ZIP_CM_STORE, 0) ||
      zip_file_set_dostime(p->zip, (zip_uint64_t)index, 0, 0x21, 0))
    return zip_failed(p, zip_get_error(p->zip));
  return HETA_OK;
}

/* ---- What there is to say -------------------------------------------------------------------- */

/* A name as an array without dimensions. */
static heta_status pack_word(packer *p, const char *name, const char *word) {
  array a;
  char type[32];
  size_t length = strlen(word);
  snprintf(type, sizeof type, "<U%zu", length);
  HETA_TRY(start(p, &a, type, 4 * length, 0, 0, 0));
  for (size_t i = 0; i < length; i++) put_bytes(a.elements + 4 * i, (unsigned char)word[i], 4);
  return finish(p, &a, name);
}

static heta_status pack_text(packer *p) {
  array a;
  HETA_TRY(start(p, &a, "|u1", 1, 1, 0, p->a->text_size));
  memcpy(a.elements, p->a->text, p->a->text_size);
  return finish(p, &a, "text");
}

static heta_status pack_tokens(packer *p) {
  array id, begin, end;
  HETA_TRY(start(p, &id, "<i4", 4, 1, 0, p->a->token_count));
  HETA_TRY(start(p, &begin, "<i8", 8, 1, 0, p->a->token_count));
  HETA_TRY(start(p, &end, "<i8", 8, 1, 0, p->a->token_count));
  for (size_t i = 0; i < p->a->token_count; i++) {
    set(&id, i, (uint32_t)p->a->tokens[i].id);
    set(&begin, i, p->a->tokens[i].start);
    set(&end, i, p->a->tokens[i].end);
  }
  HETA_TRY(finish(p, &id, "token_id"));
  HETA_TRY(finish(p, &begin, "token_start"));
  return finish(p, &end, "token_end");
}

static heta_status pack_units(packer *p) {
  static const char *const NAMES[] = {"first", "last", "start", "end"};
  for (size_t k = 0; k < 4; k++) {
    array a;
    HETA_TRY(start(p, &a, "<i8", 8, 1, 0, p->rollup->unit_count));
    for (size_t i = 0; i < p->rollup->unit_count; i++) {
      const heta_unit *unit = &p->rollup->units[i];
      const size_t values[] = {unit->first, unit->last, unit->start, unit->end};
      set(&a, i, values[k]);
    }
    HETA_TRY(finish(p, &a, NAMES[k]));
  }
  return HETA_OK;
}

static heta_status pack_targets(packer *p) {
  array position, id, logprob;
  bool all = p->rollup->row_count && p->rollup->rows[0].target == HETA_ALL_TARGETS;
  size_t rows = all ? p->a->target_count : p->rollup->row_count;
  HETA_TRY(start(p, &position, "<i8", 8, 1, 0, rows));
  HETA_TRY(start(p, &id, "<i4", 4, 1, 0, rows));
  HETA_TRY(start(p, &logprob, "<f8", 8, 1, 0, rows));
  for (size_t i = 0; i < rows; i++) {
    const heta_target *target = &p->a->targets[all ? i : p->rollup->rows[i].target];
    set(&position, i, target->position);
    set(&id, i, (uint32_t)target->id);
    set(&logprob, i, bits_of(target->logprob));
  }
  HETA_TRY(finish(p, &position, "target_position"));
  HETA_TRY(finish(p, &id, "target_id"));
  return finish(p, &logprob, "target_logprob");
}

enum { SCORE, SCORE_SE, SCORE_DF, SIGNED_SCORE, PART, PART_SE };

static const double *values_of(const heta_row *row, int what, size_t component) {
  switch (what) {
  case SCORE: return row->score;
  case SCORE_SE: return row->score_se;
  case SCORE_DF: return row->score_df;
  case SIGNED_SCORE: return row->signed_score;
  case PART: return row->components[component];
  default: return row->component_se ? row->component_se[component] : NULL;
  }
}

/* One kind of number of all rows; no array when no row has it. */
static heta_status pack_values(packer *p, const char *name, int what, size_t component) {
  size_t rows = p->rollup->row_count, columns = p->rollup->unit_count;
  bool there = false;
  array a;
  for (size_t i = 0; i < rows; i++)
    there = there || values_of(&p->rollup->rows[i], what, component);
  if (!there && what != SCORE) return HETA_OK;
  HETA_TRY(start(p, &a, "<f8", 8, 2, rows, columns));
  for (size_t i = 0; i < rows; i++) {
    const heta_row *row = &p->rollup->rows[i];
    const double *values = values_of(row, what, component);
    for (size_t u = 0; u < columns; u++)
      set(&a, i * columns + u, bits_of(values && u < row->length ? values[u] : NAN));
  }
  return finish(p, &a, name);
}

/* Probes and ties, which roll-ups do not have. */
static heta_status pack_counts(packer *p) {
  size_t rows = p->rollup->row_count, columns = p->rollup->unit_count;
  array probes, tied;
  if (p->rollup->level != HETA_LEVEL_TOKEN) return HETA_OK;
  HETA_TRY(start(p, &probes, "<i8", 8, 2, rows, columns));
  HETA_TRY(start(p, &tied, "|b1", 1, 2, rows, columns));
  for (size_t i = 0; i < rows; i++) {
    const heta_row *row = &p->rollup->rows[i];
    for (size_t u = 0; u < row->length; u++) {
      if (row->probes) set(&probes, i * columns + u, row->probes[u]);
      if (row->tied_with_next) set(&tied, i * columns + u, row->tied_with_next[u]);
    }
  }
  HETA_TRY(finish(p, &probes, "probes"));
  return finish(p, &tied, "tied_with_next");
}

static heta_status pack(packer *p) {
  HETA_TRY(pack_word(p, "method", p->a->method->name));
  HETA_TRY(pack_word(p, "level", heta_level_name(p->rollup->level)));
  HETA_TRY(pack_text(p));
  HETA_TRY(pack_tokens(p));
  HETA_TRY(pack_units(p));
  HETA_TRY(pack_targets(p));
  HETA_TRY(pack_values(p, "score", SCORE, 0));
  HETA_TRY(pack_values(p, "score_se", SCORE_SE, 0));
  HETA_TRY(pack_values(p, "score_df", SCORE_DF, 0));
  HETA_TRY(pack_values(p, "signed_score", SIGNED_SCORE, 0));
  for (size_t c = 0; c < p->a->component_count; c++) {
    char name[96];
    HETA_TRY(pack_values(p, p->a->components[c].name, PART, c));
    snprintf(name, sizeof name, "%.80s_se", p->a->components[c].name);
    HETA_TRY(pack_values(p, name, PART_SE, c));
  }
  return pack_counts(p);
}

/* ---- The archive ----------------------------------------------------------------------------- */

static heta_status copy_out(packer *p, zip_source_t *archive, heta_i_writer *w) {
  char bytes[4096];
  zip_int64_t got;
  if (zip_source_open(archive)) return zip_failed(p, zip_source_error(archive));
  while ((got = zip_source_read(archive, bytes, sizeof bytes)) > 0)
    heta_i_put(w, bytes, (size_t)got);
  zip_source_close(archive);
  return got < 0 ? zip_failed(p, zip_source_error(archive)) : HETA_OK;
}

heta_status heta_i_report_npz(heta_i_writer *writer, const heta_attribution *attribution,
                              const heta_rollup *rollup, heta_error *error) {
  packer p = {.a = attribution, .rollup = rollup, .error = error};
  heta_status status = HETA_OK;
  zip_error_t why;
  zip_error_init(&why);
  zip_source_t *archive = zip_source_buffer_create(NULL, 0, 0, &why);
  if (archive) {
    zip_source_keep(archive); /* to read from when it is complete */
    p.zip = zip_open_from_source(archive, ZIP_TRUNCATE, &why);
    if (!p.zip) zip_source_free(archive);
  }
  if (!p.zip) {
    status = zip_failed(&p, &why);
    goto done;
  }
  HETA_GO(pack(&p));
  if (zip_close(p.zip)) {
    status = zip_failed(&p, zip_get_error(p.zip));
    goto done;
  }
  p.zip = NULL;
  status = copy_out(&p, archive, writer);
done:
  if (p.zip) zip_discard(p.zip);
  if (archive) zip_source_free(archive);
  zip_error_fini(&why);
  heta_i_arena_free(&p.arena);
  return status;
}
