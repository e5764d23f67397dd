/* memory.h: the only place that allocates; checked sizes; an arena that frees all at once. */
#ifndef HETA_BASE_MEMORY_H
#define HETA_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* 64-byte aligned, zeroed, NULL when the system refuses. count * size is checked. A zero-sized
 * request gives a unique pointer. */
void *heta_i_allocate(size_t count, size_t size);
/* Grows (keeping `old` bytes) or shrinks; NULL leaves the old block as it is. New bytes are zero.
 */
void *heta_i_reallocate(void *block, size_t old_bytes, size_t count, size_t size);
void heta_i_free(void *block);
/* Whether so many bytes could be had at this moment. */
bool heta_i_has_room(size_t bytes);

/* a * b and a + b; false when the result would not fit a size_t. */
bool heta_i_multiply(size_t a, size_t b, size_t *product);
bool heta_i_add(size_t a, size_t b, size_t *sum);

/* Many small blocks that live and die together. Start zeroed: heta_i_arena a = {0}. */
typedef struct heta_i_arena {
  struct heta_i_arena_chunk *chunks;
  size_t bytes; /* taken from the system */
} heta_i_arena;
void *heta_i_arena_take(heta_i_arena *arena, size_t count, size_t size); /* zeroed or NULL */
/* A NUL-terminated copy of size bytes. */
char *heta_i_arena_string(heta_i_arena *arena, const char *bytes, size_t size);
char *heta_i_arena_print(heta_i_arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void heta_i_arena_free(heta_i_arena *arena);

#endif
