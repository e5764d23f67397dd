/* test_quant.c: weight types and their expansion, against fixtures of another implementation
 * (tests/oracle/make_quant.py), and binary16 against its definition, every pattern. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "format/bytes.h"
#include "format/quant.h"

static uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static void table(void **state) {
  (void)state;
  static const struct {
    const char *name;
    size_t block, bytes;
  } expected[HETA_TYPE_COUNT] = {{"F32", 1, 4},      {"F16", 1, 2},      {"BF16", 1, 2},
                                 {"Q4_0", 32, 18},   {"Q4_1", 32, 20},   {"Q5_0", 32, 22},
                                 {"Q5_1", 32, 24},   {"Q8_0", 32, 34},   {"Q2_K", 256, 84},
                                 {"Q3_K", 256, 110}, {"Q4_K", 256, 144}, {"Q5_K", 256, 176},
                                 {"Q6_K", 256, 210}, {"IQ4_NL", 32, 18}, {"IQ4_XS", 256, 136}};
  for (int type = 0; type < HETA_TYPE_COUNT; type++) {
    assert_string_equal(heta_i_type_name((heta_i_type)type), expected[type].name);
    assert_int_equal(heta_i_type_block((heta_i_type)type), expected[type].block);
    assert_int_equal(heta_i_type_block_bytes((heta_i_type)type), expected[type].bytes);
  }
}

/* The whole file in a block of exactly its size, so that sanitizers see an overread. */
static unsigned char *read_all(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (!file) fail_msg("%s is missing", path);
  assert_int_equal(fseek(file, 0, SEEK_END), 0);
  *size = (size_t)ftell(file);
  rewind(file);
  unsigned char *bytes = malloc(*size);
  assert_non_null(bytes);
  assert_int_equal(fread(bytes, 1, *size, file), *size);
  fclose(file);
  return bytes;
}

/* Equal bits. Only a NaN that arithmetic made may differ from another NaN: IEEE leaves its sign and
 * payload to the machine. Types that are moved, not computed, keep theirs. */
static bool equal(heta_i_type type, uint32_t got, uint32_t want) {
  if (got == want) return true;
  if (type == HETA_TYPE_F32 || type == HETA_TYPE_BF16) return false;
  return (got & 0x7fffffff) > 0x7f800000 && (want & 0x7fffffff) > 0x7f800000;
}

static void fixtures(void **state) {
  (void)state;
  for (int t = 0; t < HETA_TYPE_COUNT; t++) {
    heta_i_type type = (heta_i_type)t;
    char path[512];
    size_t size, nans = 0, infinities = 0;
    snprintf(path, sizeof path, "%s/data/quant/%s.bin", HETA_TESTS_DIR, heta_i_type_name(type));
    unsigned char *bytes = read_all(path, &size);
    assert_true(size > 8);
    size_t count = (size_t)heta_i_le64(bytes);
    size_t raw = count / heta_i_type_block(type) * heta_i_type_block_bytes(type);
    assert_int_equal(count, 4096);
    assert_int_equal(size, 8 + raw + 4 * count);
    /* The blocks alone, at an odd address, and a guard behind the output. */
    unsigned char *data = malloc(raw + 1);
    float *out = malloc((count + 1) * sizeof *out);
    assert_non_null(data);
    assert_non_null(out);
    memcpy(data + 1, bytes + 8, raw);
    out[count] = 1.25f;
    heta_i_expand(type, data + 1, count, out);
    assert_true(out[count] == 1.25f);
    for (size_t i = 0; i < count; i++) {
      uint32_t want = heta_i_le32(bytes + 8 + raw + 4 * i), got = bits_of(out[i]);
      if (!equal(type, got, want))
        fail_msg("%s element %zu: %08" PRIx32 ", expected %08" PRIx32, heta_i_type_name(type), i,
                 got, want);
      nans += isnan(out[i]) != 0;
      infinities += isinf(out[i]) != 0;
    }
    assert_true(nans > 0 && infinities > 0 && nans < count / 2); /* the edges are in the fixture */
    /* One block at a time gives the same bits. */
    size_t block = heta_i_type_block(type), block_bytes = heta_i_type_block_bytes(type);
    for (size_t i = 0; i < count / block; i++) {
      float one[256];
      heta_i_expand(type, bytes + 8 + i * block_bytes, block, one);
      assert_memory_equal(one, out + i * block, block * sizeof *one);
    }
    free(out);
    free(data);
    free(bytes);
  }
}

static void nothing(void **state) {
  (void)state;
  float out = 3.0f;
  unsigned char data = 0;
  for (int t = 0; t < HETA_TYPE_COUNT; t++) heta_i_expand((heta_i_type)t, &data, 0, &out);
  assert_true(out == 3.0f);
}

static void every_half(void **state) {
  (void)state;
  for (uint32_t half = 0; half < 0x10000; half++) {
    int exponent = (int)(half >> 10 & 31), mantissa = (int)(half & 1023);
    double size = exponent == 31  ? (double)INFINITY
                  : exponent == 0 ? ldexp(mantissa, -24)
                                  : ldexp(1024 + mantissa, exponent - 25);
    uint32_t sign = (half & 0x8000) << 16, got = bits_of(heta_i_half((uint16_t)half));
    uint32_t want = exponent == 31 && mantissa ? sign | 0x7f800000 | (uint32_t)mantissa << 13
                                               : sign | bits_of((float)size);
    if (got != want)
      fail_msg("half %04" PRIx32 ": %08" PRIx32 ", expected %08" PRIx32, half, got, want);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(table), cmocka_unit_test(fixtures),
                                     cmocka_unit_test(nothing), cmocka_unit_test(every_half)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
