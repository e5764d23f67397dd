/* test_sha256.c: the published test vectors (FIPS 180-4), whole and in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/sha256.h"

static const struct vector {
  const char *text, *hex;
} VECTORS[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static void vectors(void **state) {
  (void)state;
  for (size_t v = 0; v < sizeof VECTORS / sizeof *VECTORS; v++) {
    size_t size = strlen(VECTORS[v].text);
    for (size_t cut = 0; cut <= size; cut++) {
      heta_i_sha256 hash;
      char hex[HETA_SHA256_HEX];
      heta_i_sha256_start(&hash);
      heta_i_sha256_add(&hash, VECTORS[v].text, cut);
      heta_i_sha256_add(&hash, VECTORS[v].text + cut, size - cut);
      heta_i_sha256_hex(&hash, hex);
      assert_string_equal(hex, VECTORS[v].hex);
    }
  }
}

static void million_letters(void **state) {
  (void)state;
  char block[1000], hex[HETA_SHA256_HEX];
  memset(block, 'a', sizeof block);
  heta_i_sha256 hash;
  heta_i_sha256_start(&hash);
  for (int i = 0; i < 1000; i++) heta_i_sha256_add(&hash, block, sizeof block);
  heta_i_sha256_hex(&hash, hex);
  assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(vectors), cmocka_unit_test(million_letters)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
