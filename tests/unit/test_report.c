/* test_report.c: what the forms of report have in common, and the JSON ones, from attributions made
 * by hand; test_report_views.c has what people see.
 *
 * HETA_DUMP=DIR keeps the reports of all samples there, to be looked at. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <float.h>
#include <jansson.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"
#include "report/writer.h"
#include "support/capture.h"
#include "support/sample.h"

static const char *const FORMATS[] = {"json", "jsonl", "term", "html"};

/* ---- Numbers -------------------------------------------------------------------------------- */

static void expect_round_trip(double value) {
  heta_i_number number = heta_i_number_shortest(value);
  json_t *back = json_loads(number.text, JSON_DECODE_ANY, NULL);
  assert_non_null(back);
  double read = json_number_value(back);
  json_decref(back);
  assert_memory_equal(&read, &value, sizeof value);
}

static void numbers(void **state) {
  (void)state;
  assert_string_equal(heta_i_number_shortest(0.1).text, "0.1");
  assert_string_equal(heta_i_number_shortest(1).text, "1");
  assert_string_equal(heta_i_number_shortest(-0.0).text, "-0.0");
  assert_string_equal(heta_i_number_shortest(1.0 / 3).text, "0.3333333333333333");
  assert_string_equal(heta_i_number_shortest(0.1 + 0.2).text, "0.30000000000000004");
  assert_string_equal(heta_i_number_shortest(1e22).text, "1e+22");
  const double edges[] = {0,
                          -0.0,
                          DBL_MAX,
                          -DBL_MAX,
                          DBL_MIN,
                          0x1p-1074,
                          1e16,
                          123456789012345680.0,
                          9007199254740992.0,
                          5e-324,
                          2.2250738585072011e-308};
  for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) expect_round_trip(edges[i]);
  for (uint32_t i = 0; i < 20000; i++) {
    uint32_t bits[4];
    double value;
    heta_i_philox((const uint32_t[4]){i, 0, 0, 0}, (const uint32_t[2]){7, 0}, bits);
    memcpy(&value, bits, sizeof value);
    if (isfinite(value)) expect_round_trip(value);
  }
}

/* A host program may have set a locale whose decimal point is a comma. */
static void comma_locale(void **state) {
  (void)state;
  static const char *const NAMES[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR", "ps_AF"};
  char folder[] = "/tmp/heta-locale-XXXXXX", command[200];
  assert_non_null(mkdtemp(folder));
  snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 2>/dev/null",
           folder);
  if (!system(command)) setenv("LOCPATH", folder, 1);
  const char *found = NULL;
  for (size_t i = 0; !found && i < sizeof NAMES / sizeof *NAMES; i++)
    if (setlocale(LC_NUMERIC, NAMES[i]) && !strcmp(localeconv()->decimal_point, ","))
      found = NAMES[i];
  sample *s = sample_make("chat");
  char *other[4] = {0}, *plain[4];
  for (size_t f = 0; found && f < 4; f++) other[f] = capture_report(&s->a, FORMATS[f], NULL);
  setlocale(LC_NUMERIC, "C");
  unsetenv("LOCPATH");
  snprintf(command, sizeof command, "rm -rf %s", folder);
  assert_int_equal(system(command), 0);
  for (size_t f = 0; found && f < 4; f++) {
    plain[f] = capture_report(&s->a, FORMATS[f], NULL);
    assert_string_equal(other[f], plain[f]);
    heta_i_free(plain[f]);
    heta_i_free(other[f]);
  }
  sample_free(s);
  if (!found) {
    fprintf(stderr, "SKIPPED: comma_locale: no locale with a decimal comma can be had here\n");
    skip();
  }
}

/* ---- JSON ----------------------------------------------------------------------------------- */

static const char GOLDEN[] =
    "{\"schema\":\"heta.attribution/1\",\"heta_version\":\"" HETA_VERSION "\","
    "\"command\":[\"heta\",\"-p\",\"a\\tb\"],\n"
    "\"model\":{\"file\":\"m.gguf\",\"format\":\"gguf\",\"bytes\":10,"
    "\"fingerprint\":{\"kind\":\"sha256\",\"value\":\"00ff\"},\"architecture\":\"llama\","
    "\"name\":\"\",\"parameters\":4,\"layers\":1,\"heads\":2,\"kv_heads\":1,\"width\":8,"
    "\"vocabulary\":16,\"context\":32,\"weight_types\":{\"F32\":3},"
    "\"tokenizer\":{\"model\":\"gpt2\",\"pre\":null,\"fingerprint\":\"aa\"},"
    "\"chat_template\":null},\n"
    "\"input\":{\"text\":\"h\xc3\xa9!\",\"prompt_end\":3,\n"
    "\"segments\":[{\"id\":\"prompt\",\"start\":0,\"end\":3,\"role\":\"prompt\",\"message\":null,"
    "\"name\":null},{\"id\":\"target\",\"start\":3,\"end\":4,\"role\":\"target\",\"message\":null,"
    "\"name\":null}],\n"
    "\"tokens\":[\n"
    "{\"index\":0,\"id\":1,\"text\":\"<s>\",\"start\":0,\"end\":0,\"kind\":\"bos\","
    "\"segment\":\"prompt\"},\n"
    "{\"index\":1,\"id\":2,\"text\":\"h\xef\xbf\xbd\",\"start\":0,\"end\":2,\"kind\":\"text\","
    "\"segment\":\"prompt\",\"bytes\":\"68c3\"},\n"
    "{\"index\":2,\"id\":3,\"text\":\"\xef\xbf\xbd\",\"start\":2,\"end\":3,\"kind\":\"text\","
    "\"segment\":\"prompt\",\"bytes\":\"a9\"},\n"
    "{\"index\":3,\"id\":4,\"text\":\"!\",\"start\":3,\"end\":4,\"kind\":\"forced\","
    "\"segment\":\"target\"}]},\n"
    "\"targets\":[\n"
    "{\"index\":0,\"position\":3,\"id\":4,\"text\":\"!\",\"origin\":\"forced\",\"logprob\":-0.5,"
    "\"rank\":1,\"entropy\":2.25,\"top\":[{\"id\":4,\"text\":\"!\",\"logprob\":-0.5},"
    "{\"id\":9,\"text\":null,\"logprob\":-1.5}],"
    "\"foil\":{\"id\":3,\"text\":\"\xef\xbf\xbd\",\"logprob\":null,\"bytes\":\"a9\"}}],\n"
    "\"attributions\":[{\"method\":\"m\",\"options\":{\"beta\":0.5,\"probes\":\"auto\","
    "\"kind\":\"x\",\"flag\":true},\"seed\":\"18446744073709551615\",\"objective\":\"logprob\","
    "\"signed\":false,\"components\":{\"gate\":{\"unit\":\"fraction\",\"exact\":true},"
    "\"curvature\":{\"unit\":\"nat\",\"exact\":false,\"estimator\":\"block\"}},\n"
    "\"rows\":[\n"
    "{\"target\":0,\"status\":\"partial\",\"score\":[0.1,2.5e-10,null],\"score_se\":[0,1,2],"
    "\"score_df\":[0,1,2],"
    "\"signed_score\":null,\"components\":{\"gate\":[0.1,2.5e-10,null],\"curvature\":[0,1,2]},"
    "\"se\":{\"curvature\":[0,1,2]},\"probes\":[3,4,5],\"tied_with_next\":[false,true,false]}],\n"
    "\"rollups\":[],\"windows\":null,\"cost\":{\"forwards\":1,\"reverses\":2,\"hvps\":3,"
    "\"flop\":4},\"checks\":{\"gate_sum\":1}}],\n"
    "\"status\":\"partial\",\"stopped_by\":\"time\",\n"
    "\"work\":[\n"
    "{\"name\":\"raw\",\"targets\":1,\"tokens\":3,\"samples\":1,\"values\":[0,1,2]}],\n"
    "\"timing\":{\"seconds\":0.25,\"phases\":{\"load\":0.125,\"gate\":0.0625}},\n"
    "\"environment\":{\"peak_bytes\":7,\"threads\":2,\"backend\":\"cpu\",\"precision\":\"f32\","
    "\"cpu\":null}}\n";

/* The whole file, to the byte. */
static void golden(void **state) {
  (void)state;
  const heta_weight_count weights[] = {{"F32", 3}};
  const heta_model_info model = {.file = "m.gguf",
                                 .format = "gguf",
                                 .bytes = 10,
                                 .fingerprint_kind = "sha256",
                                 .fingerprint = "00ff",
                                 .architecture = "llama",
                                 .name = "",
                                 .parameters = 4,
                                 .layers = 1,
                                 .heads = 2,
                                 .kv_heads = 1,
                                 .width = 8,
                                 .vocabulary = 16,
                                 .context = 32,
                                 .weight_count = 1,
                                 .weights = weights,
                                 .tokenizer_model = "gpt2",
                                 .tokenizer_fingerprint = "aa"};
  const heta_method_info method = {.name = "m"};
  const heta_segment segments[] = {{.id = "prompt", .role = "prompt", .end = 3},
                                   {.id = "target", .role = "target", .start = 3, .end = 4}};
  const heta_result_token tokens[] = {{1, HETA_TOKEN_BOS, 0, 0, "<s>", 3, 0},
                                      {2, HETA_TOKEN_TEXT, 0, 2, "h\xc3", 2, 0},
                                      {3, HETA_TOKEN_TEXT, 2, 3, "\xa9", 1, 0},
                                      {4, HETA_TOKEN_FORCED, 3, 4, "!", 1, 1}};
  const heta_target target = {.position = 3,
                              .id = 4,
                              .origin = "forced",
                              .logprob = -0.5,
                              .entropy = 2.25,
                              .rank = 1,
                              .top_count = 2,
                              .top = {{4, -0.5, "!", 1}, {9, -1.5, NULL, 0}},
                              .has_foil = true,
                              .foil = {3, NAN, "\xa9", 1}};
  const heta_resolved_option options[] = {{"beta", "0.5", HETA_OPTION_NUMBER},
                                          {"probes", "auto", HETA_OPTION_INTEGER},
                                          {"kind", "x", HETA_OPTION_CHOICE},
                                          {"flag", "yes", HETA_OPTION_FLAG}};
  const heta_component_info components[] = {{"gate", "fraction", true, "ignored"},
                                            {"curvature", "nat", false, "block"}};
  const double score[] = {0.1, 2.5e-10, INFINITY}, second[] = {0, 1, 2};
  const double *const values[] = {score, second}, *const errors[] = {NULL, second};
  const uint32_t probes[] = {3, 4, 5};
  const bool tied[] = {false, true, false};
  const heta_row row = {.length = 3,
                        .status = HETA_ROW_PARTIAL,
                        .score = score,
                        .score_se = second,
                        .score_df = second,
                        .components = values,
                        .component_se = errors,
                        .probes = probes,
                        .tied_with_next = tied};
  const heta_check_value check = {"gate_sum", 1};
  const heta_series series = {"raw", 1, 3, 1, second};
  const heta_attribution a = {.model = &model,
                              .text = "h\xc3\xa9!",
                              .text_size = 4,
                              .prompt_end = 3,
                              .segment_count = 2,
                              .segments = segments,
                              .token_count = 4,
                              .tokens = tokens,
                              .target_count = 1,
                              .targets = &target,
                              .method = &method,
                              .option_count = 4,
                              .options = options,
                              .seed = UINT64_MAX,
                              .objective = "logprob",
                              .component_count = 2,
                              .components = components,
                              .row_count = 1,
                              .rows = &row,
                              .cost_forwards = 1,
                              .cost_reverses = 2,
                              .cost_hvps = 3,
                              .cost_flop = 4,
                              .check_count = 1,
                              .checks = &check,
                              .stopped_by = "time",
                              .series_count = 1,
                              .series = &series,
                              .seconds_total = 0.25,
                              .phase_count = 2,
                              .phases = (heta_phase[]){{"load", 0.125, 0}, {"gate", 0.0625, 0}},
                              .peak_bytes = 7,
                              .threads = 2,
                              .backend = "cpu",
                              .precision = "f32"};
  const char *const command[] = {"heta", "-p", "a\tb"};
  heta_report_options how = heta_report_options_default();
  how.command = command;
  how.command_count = 3;
  char *text = capture_report(&a, "json", &how);
  assert_string_equal(text, GOLDEN);
  heta_i_free(text);
}

static void expect_values(const json_t *list, const double *values, size_t count) {
  if (!values) {
    assert_true(json_is_null(list));
    return;
  }
  assert_int_equal(json_array_size(list), count);
  for (size_t i = 0; i < count; i++) {
    const json_t *value = json_array_get(list, i);
    if (isfinite(values[i])) {
      double read = json_number_value(value);
      assert_true(json_is_number(value));
      assert_memory_equal(&read, &values[i], sizeof read);
    } else {
      assert_true(json_is_null(value));
    }
  }
}

/* Every number in the file is the number in the struct, bit for bit. */
static void json_holds_everything(void **state) {
  (void)state;
  for (size_t i = 0; SAMPLES[i]; i++) {
    sample *s = sample_make(SAMPLES[i]);
    const heta_attribution *a = &s->a;
    char *text = capture_report(a, "json", NULL);
    expect_not_in(text, "nan");
    expect_not_in(text, "inf\"");
    json_t *root = capture_json(text, strlen(text));
    const json_t *input = json_object_get(root, "input");
    const json_t *whole = json_object_get(input, "text");
    assert_int_equal(json_string_length(whole), a->text_size);
    assert_memory_equal(json_string_value(whole), a->text, a->text_size);
    assert_int_equal(json_array_size(json_object_get(input, "tokens")), a->token_count);
    const json_t *attribution = json_array_get(json_object_get(root, "attributions"), 0);
    const json_t *rows = json_object_get(attribution, "rows");
    assert_int_equal(json_array_size(rows), a->row_count);
    for (size_t r = 0; r < a->row_count; r++) {
      const heta_row *row = &a->rows[r];
      const json_t *out = json_array_get(rows, r);
      expect_values(json_object_get(out, "score"), row->score, row->length);
      expect_values(json_object_get(out, "score_se"), row->score_se, row->length);
      expect_values(json_object_get(out, "score_df"), row->score_df, row->length);
      expect_values(json_object_get(out, "signed_score"), row->signed_score, row->length);
      for (size_t c = 0; c < a->component_count; c++) {
        const char *name = a->components[c].name;
        expect_values(json_object_get(json_object_get(out, "components"), name), row->components[c],
                      row->length);
        const json_t *se = json_object_get(json_object_get(out, "se"), name);
        if (se) expect_values(se, row->component_se[c], row->length);
        assert_int_equal(se != NULL, row->component_se[c] != NULL);
      }
      assert_int_equal(json_array_size(json_object_get(out, "probes")), row->length);
      assert_int_equal(json_array_size(json_object_get(out, "tied_with_next")), row->length);
    }
    const json_t *work = json_object_get(root, "work");
    assert_int_equal(work != NULL, !a->complete);
    for (size_t w = 0; w < a->series_count; w++) {
      const heta_series *series = &a->series[w];
      expect_values(json_object_get(json_array_get(work, w), "values"), series->values,
                    series->targets * series->tokens * series->samples);
    }
    json_decref(root);
    heta_i_free(text);
    sample_free(s);
  }
}

/* meta, rows, summary: together the keys and values of the whole file. */
static void jsonl_is_the_same_content(void **state) {
  (void)state;
  for (size_t i = 0; SAMPLES[i]; i++) {
    sample *s = sample_make(SAMPLES[i]);
    char *text = capture_report(&s->a, "json", NULL), *lines = capture_report(&s->a, "jsonl", NULL);
    json_t *whole = capture_json(text, strlen(text)), *joined = json_object(), *rows = json_array();
    json_t *attribution = json_object();
    size_t count = 0;
    for (char *line = lines, *end; (end = strchr(line, '\n')); line = end + 1, count++) {
      json_t *part = capture_json(line, (size_t)(end - line));
      const char *first = json_object_iter_key(json_object_iter(part));
      assert_string_equal(first, "type");
      const char *type = json_string_value(json_object_get(part, "type"));
      const char *expected = count == 0 ? "meta" : *(end + 1) ? "row" : "summary";
      assert_string_equal(type, expected);
      json_object_del(part, "type");
      if (!strcmp(expected, "row")) {
        assert_int_equal(json_integer_value(json_object_get(part, "attribution")), 0);
        json_object_del(part, "attribution");
        json_array_append(rows, part);
      } else {
        json_t *half = json_array_get(json_object_get(part, "attributions"), 0);
        json_object_update(attribution, half);
        json_object_del(part, "attributions");
        json_object_update(joined, part);
      }
      json_decref(part);
    }
    assert_int_equal(count, s->a.row_count + 2);
    json_object_set_new(attribution, "rows", rows);
    json_object_set_new(attribution, "rollups", json_array());
    json_object_set_new(joined, "attributions", json_pack("[o]", attribution));
    assert_true(json_equal(whole, joined));
    json_decref(whole);
    json_decref(joined);
    heta_i_free(text);
    heta_i_free(lines);
    sample_free(s);
  }
}

/* ---- All forms ------------------------------------------------------------------------------ */

static void equal_bytes(void **state) {
  (void)state;
  for (size_t i = 0; SAMPLES[i]; i++) {
    for (size_t f = 0; f < 4; f++) {
      sample *one = sample_make(SAMPLES[i]), *two = sample_make(SAMPLES[i]);
      char *first = capture_report(&one->a, FORMATS[f], NULL),
           *second = capture_report(&two->a, FORMATS[f], NULL);
      assert_string_equal(first, second);
      heta_i_free(second);
      two->a.seconds_total = 99;
      two->a.threads = 7;
      two->a.cpu = "another";
      two->a.peak_bytes = 1;
      second = capture_report(&two->a, FORMATS[f], NULL);
      char *timing = strstr(second, "\"timing\"");
      if (timing) /* nothing before it differs, and everything after it belongs to the run */
        assert_memory_equal(first, second, (size_t)(timing - second));
      else
        assert_string_equal(first, second);
      heta_i_free(first);
      heta_i_free(second);
      sample_free(one);
      sample_free(two);
    }
  }
}

static void failing_writes(void **state) {
  (void)state;
  sample *s = sample_make("chat");
  for (size_t f = 0; f < 4; f++) {
    capture all = {.bytes.limit = 1 << 28};
    heta_error error;
    assert_int_equal(heta_report_write(&s->a, FORMATS[f], NULL, capture_write, &all, NULL),
                     HETA_OK);
    assert_true(all.calls > 1);
    for (size_t n = 1; n <= all.calls; n++) {
      capture to = {.bytes.limit = 1 << 28, .fail_at = n};
      assert_int_equal(heta_report_write(&s->a, FORMATS[f], NULL, capture_write, &to, &error),
                       HETA_E_IO);
      assert_int_equal(error.status, HETA_E_IO);
      expect_in(error.message, strerror(ENOSPC));
      assert_int_equal(to.calls, n);
      assert_true(to.bytes.size < all.bytes.size);
      if (to.bytes.size) assert_memory_equal(to.bytes.bytes, all.bytes.bytes, to.bytes.size);
      heta_i_buffer_free(&to.bytes);
    }
    heta_i_buffer_free(&all.bytes);
  }
  sample_free(s);
}

static void expect_refused(const heta_attribution *a, const char *format,
                           const heta_report_options *options, const char *why) {
  capture to = {.bytes.limit = 1 << 20};
  heta_error error = {0};
  assert_int_equal(heta_report_write(a, format, options, capture_write, &to, &error),
                   HETA_E_ARGUMENT);
  expect_in(error.message, why);
  assert_int_equal(to.calls, 0);
}

static void refusals(void **state) {
  (void)state;
  sample *s = sample_make("tiny");
  heta_report_options options = heta_report_options_default();
  expect_refused(&s->a, "pdf", NULL, "unknown report format \"pdf\"");
  expect_refused(&s->a, NULL, NULL, "format");
  expect_refused(NULL, "json", NULL, "attribution");
  assert_int_equal(heta_report_write(&s->a, "json", NULL, NULL, NULL, NULL), HETA_E_ARGUMENT);
  options.struct_size = 3;
  expect_refused(&s->a, "term", &options, "size 3");
  options = capture_color((heta_color)9, 0);
  expect_refused(&s->a, "term", &options, "color is 9");

  heta_attribution a = s->a;
  a.model = NULL;
  expect_refused(&a, "json", NULL, "model");
  a = s->a;
  a.text = "The capital of France is Pa\xff"
           "is";
  expect_refused(&a, "json", NULL, "not valid UTF-8 at byte 27");
  a = s->a;
  a.prompt_end = 1000;
  expect_refused(&a, "json", NULL, "prompt ends at byte 1000");
  a = s->a;
  a.token_count--;
  a.target_count = a.row_count = 0;
  expect_refused(&a, "html", NULL, "tokens cover 24 bytes of a text of 30");

  heta_result_token *tokens = (heta_result_token *)s->a.tokens;
  tokens[2].start++;
  expect_refused(&s->a, "term", NULL, "token 2");
  tokens[2].start--;
  tokens[1].segment = 2;
  expect_refused(&s->a, "json", NULL, "token 1 of the attribution has segment 2 of 2");
  tokens[1].segment = 0;
  heta_row *row = (heta_row *)s->a.rows;
  row->length--;
  expect_refused(&s->a, "jsonl", NULL, "row 0");
  row->length++;
  row->target = 1;
  expect_refused(&s->a, "jsonl", NULL, "target 1 of 1");
  row->target = 0;
  const double *kept = row->components[2];
  ((const double **)row->components)[2] = NULL;
  expect_refused(&s->a, "json", NULL, "lacks its component \"information\"");
  ((const double **)row->components)[2] = kept;
  ((heta_target *)s->a.targets)[0].top_count = 6;
  expect_refused(&s->a, "json", NULL, "6 candidates of at most 5");
  ((heta_target *)s->a.targets)[0].top_count = 3;
  const heta_series series = {"huge", SIZE_MAX / 2, 3, 1, row->score};
  a = s->a;
  a.series = &series;
  a.series_count = 1;
  expect_refused(&a, "json", NULL, "series 0");
  heta_i_free(capture_report(&s->a, "json", NULL));
  sample_free(s);
}

/* ---- The schema ----------------------------------------------------------------------------- */

static void write_file(const char *folder, const char *name, const char *extension,
                       const char *text) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s%s", folder, name, extension);
  FILE *file = fopen(path, "wb");
  if (!file) fail_msg("%s: %s", path, strerror(errno));
  assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
  assert_int_equal(fclose(file), 0);
}

static void dump(const char *folder) {
  static const char *const EXTENSIONS[] = {".json", ".jsonl", ".txt", ".html"};
  for (size_t i = 0; SAMPLES[i]; i++) {
    sample *s = sample_make(SAMPLES[i]);
    for (size_t f = 0; f < 4; f++) {
      char *text = capture_report(&s->a, FORMATS[f], NULL);
      write_file(folder, SAMPLES[i], EXTENSIONS[f], text);
      heta_i_free(text);
    }
    for (int color = HETA_COLOR_256; color <= HETA_COLOR_TRUE; color++) {
      heta_report_options options = capture_color((heta_color)color, 0);
      char *text = capture_report(&s->a, "term", &options);
      write_file(folder, SAMPLES[i], color == HETA_COLOR_TRUE ? ".true" : ".256", text);
      heta_i_free(text);
    }
    sample_free(s);
  }
}

static void schema(void **state) {
  (void)state;
  char temporary[] = "/tmp/heta-report-XXXXXX", command[1024];
  const char *kept = getenv("HETA_DUMP");
  const char *folder = kept ? kept : mkdtemp(temporary);
  assert_non_null(folder);
  dump(folder);
  const char *python = access("/usr/bin/python3", X_OK) ? "python3" : "/usr/bin/python3";
  snprintf(command, sizeof command, "%s %s/e2e/validate.py %s/*.json %s/*.jsonl", python,
           HETA_TESTS_DIR, folder, folder);
  int result = system(command);
  if (!kept) {
    snprintf(command, sizeof command, "rm -rf %s", folder);
    assert_int_equal(system(command), 0);
  }
  assert_true(WIFEXITED(result));
  if (WEXITSTATUS(result) == 77) {
    fprintf(stderr, "SKIPPED: schema: python3-jsonschema is not installed\n");
    skip();
  }
  assert_int_equal(WEXITSTATUS(result), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers),
      cmocka_unit_test(comma_locale),
      cmocka_unit_test(golden),
      cmocka_unit_test(json_holds_everything),
      cmocka_unit_test(jsonl_is_the_same_content),
      cmocka_unit_test(equal_bytes),
      cmocka_unit_test(failing_writes),
      cmocka_unit_test(refusals),
      cmocka_unit_test(schema),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
