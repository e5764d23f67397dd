/* memory.c: aligned allocation, checked sizes, the arena. */
#include "base/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGNMENT = 64, CHUNK = 64 * 1024 };

bool heta_i_multiply(size_t a, size_t b, size_t *product) {
  return !__builtin_mul_overflow(a, b, product);
}

bool heta_i_add(size_t a, size_t b, size_t *sum) { return !__builtin_add_overflow(a, b, sum); }

void *heta_i_allocate(size_t count, size_t size) {
  size_t bytes, padded;
  if (!heta_i_multiply(count, size, &bytes) || !heta_i_add(bytes, ALIGNMENT, &padded)) return NULL;
  padded -= padded % ALIGNMENT;
  void *block = aligned_alloc(ALIGNMENT, padded);
  if (block) memset(block, 0, padded);
  return block;
}

void *heta_i_reallocate(void *block, size_t old_bytes, size_t count, size_t size) {
  void *grown = heta_i_allocate(count, size);
  if (!grown) return NULL;
  size_t keep = old_bytes < count * size ? old_bytes : count * size;
  if (block && keep) memcpy(grown, block, keep);
  heta_i_free(block);
  return grown;
}

void heta_i_free(void *block) { free(block); }

bool heta_i_has_room(size_t bytes) {
  void *volatile block = aligned_alloc(ALIGNMENT, bytes - bytes % ALIGNMENT);
  bool there = block != NULL;
  free(block);
  return there;
}

struct heta_i_arena_chunk {
  struct heta_i_arena_chunk *next;
  size_t size, used;
};

void *heta_i_arena_take(heta_i_arena *arena, size_t count, size_t size) {
  size_t bytes, padded;
  if (!heta_i_multiply(count, size, &bytes) || !heta_i_add(bytes, 15, &padded)) return NULL;
  padded &= ~(size_t)15;
  struct heta_i_arena_chunk *chunk = arena->chunks;
  if (!chunk || chunk->size - chunk->used < padded) {
    size_t room = padded > CHUNK ? padded : CHUNK, total;
    if (!heta_i_add(room, ALIGNMENT, &total)) return NULL;
    chunk = heta_i_allocate(1, total);
    if (!chunk) return NULL;
    chunk->size = room;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    arena->bytes += total;
  }
  void *block = (char *)chunk + ALIGNMENT + chunk->used;
  chunk->used += padded;
  return block;
}

char *heta_i_arena_string(heta_i_arena *arena, const char *bytes, size_t size) {
  char *copy = size < SIZE_MAX ? heta_i_arena_take(arena, size + 1, 1) : NULL;
  if (copy && size) memcpy(copy, bytes, size);
  return copy;
}

char *heta_i_arena_print(heta_i_arena *arena, const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int size = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  char *text = size < 0 ? NULL : heta_i_arena_take(arena, (size_t)size + 1, 1);
  if (text) vsnprintf(text, (size_t)size + 1, format, again);
  va_end(again);
  return text;
}

void heta_i_arena_free(heta_i_arena *arena) {
  while (arena->chunks) {
    struct heta_i_arena_chunk *next = arena->chunks->next;
    heta_i_free(arena->chunks);
    arena->chunks = next;
  }
  arena->bytes = 0;
}
