/* test_store.c: the library's side of models on this machine: places given by the caller, not by
 * the environment; the table of offers. What lies in stores is tested by e2e/test_stores.py. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <heta/heta.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static heta_places nowhere(void) { return (heta_places){.struct_size = sizeof(heta_places)}; }

static void defaults(void **state) {
  (void)state;
  assert_int_equal(setenv("HOME", "/home/someone", 1), 0);
  assert_int_equal(setenv("OLLAMA_MODELS", "/models", 1), 0);
  assert_int_equal(setenv("XDG_CACHE_HOME", "", 1), 0);
  heta_places places = heta_places_default();
  assert_int_equal(places.struct_size, sizeof places);
  assert_string_equal(places.home, "/home/someone");
  assert_string_equal(places.ollama, "/models");
  assert_null(places.cache);
  char path[HETA_PATH];
  heta_error error = {0};
  assert_int_equal(heta_cache_folder(NULL, path, &error), HETA_OK);
  assert_string_equal(path, "/home/someone/.cache/heta");
}

static void places_of_the_caller(void **state) {
  (void)state;
  static const char *const expected[] = {"/c/heta", "/o", "/l", "/h/hub"};
  heta_error error = {0};
  heta_models *models = NULL;
  heta_places places = nowhere();
  places.cache = "/c", places.ollama = "/o", places.llama_cpp = "/l", places.huggingface = "/h";
  assert_int_equal(heta_models_find(&places, &models, &error), HETA_OK);
  assert_int_equal(heta_models_count(models), 0);
  assert_null(heta_models_at(models, 0));
  for (size_t i = 0; i < 4; i++)
    assert_non_null(strstr(heta_models_folder_at(models, i), expected[i]));
  assert_null(heta_models_folder_at(models, 4));
  heta_models_free(models);
  heta_models_free(NULL);
}

static void refusals(void **state) {
  (void)state;
  static char longest[2 * HETA_PATH];
  heta_error error = {0};
  heta_models *models = NULL;
  char path[HETA_PATH] = "untouched";
  heta_places places = nowhere();
  memset(longest, 'x', sizeof longest - 1);
  assert_int_equal(heta_cache_folder(&places, path, &error), HETA_E_ARGUMENT);
  assert_non_null(strstr(error.message, "HOME"));
  places.cache = longest;
  assert_int_equal(heta_cache_folder(&places, path, &error), HETA_E_ARGUMENT);
  assert_int_equal(heta_models_find(&places, &models, &error), HETA_E_ARGUMENT);
  assert_int_equal(heta_model_locate(&places, longest, path, &error), HETA_E_IO);
  places = nowhere();
  assert_int_equal(heta_model_locate(&places, "ollama:none", path, &error), HETA_E_IO);
  assert_non_null(strstr(error.message, "ollama:none"));
  assert_int_equal(heta_model_locate(&places, "", path, &error), HETA_E_IO);
  places.struct_size--;
  assert_int_equal(heta_models_find(&places, &models, &error), HETA_E_ARGUMENT);
  assert_non_null(strstr(error.message, "heta_places_default"));
  assert_int_equal(heta_model_locate(&places, "hf:x", path, NULL), HETA_E_ARGUMENT);
  assert_null(models);
  assert_string_equal(path, "untouched");
}

static bool is_sha256(const char *text) {
  return strlen(text) == 64 && strspn(text, "0123456789abcdef") == 64;
}

/* A package's wheel is called after it, with '_' for '-'. */
static bool is_wheel_of(const heta_package *package) {
  char name[128];
  snprintf(name, sizeof name, "%s", package->name);
  for (char *c = name; *c; c++) *c = *c == '-' ? '_' : *c;
  size_t length = strlen(name), version = strlen(package->version);
  return !strncmp(package->wheel, name, length) && package->wheel[length] == '-' &&
         !strncmp(package->wheel + length + 1, package->version, version) &&
         !strcmp(package->wheel + length + 1 + version, "-py3-none-any.whl");
}

static void offers(void **state) {
  (void)state;
  assert_true(heta_offer_count() > 0);
  assert_null(heta_offer_at(heta_offer_count()));
  assert_null(heta_offer_find("none"));
  for (size_t i = 0; i < heta_offer_count(); i++) {
    const heta_offer *offer = heta_offer_at(i);
    assert_ptr_equal(heta_offer_find(offer->name), offer);
    assert_null(strpbrk(offer->name, ":/ "));
    assert_null(strchr(offer->file, '/'));
    assert_true(is_sha256(offer->sha256));
    assert_true(offer->package_count > 0 && strlen(offer->licence) && strlen(offer->origin));
    assert_int_equal(strncmp(offer->licence_url, "https://", 8), 0);
    for (size_t k = 0; k < offer->package_count; k++) {
      assert_true(is_sha256(offer->packages[k].sha256));
      assert_true(is_wheel_of(&offer->packages[k]));
      assert_true(offer->packages[k].bytes > 0 && strlen(offer->packages[k].member));
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(defaults),
      cmocka_unit_test(places_of_the_caller),
      cmocka_unit_test(refusals),
      cmocka_unit_test(offers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
