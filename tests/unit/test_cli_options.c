/* test_cli_options.c: the program's option parser, its values, its messages, and requests. */
#include "cli/merge.h"
#include "cli/options.h"
#include "cli/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One option of each kind. */
typedef struct sample {
  cli_parsed parsed;
  bool flag, other;
  const char *text;
  cli_list list;
  uint64_t count, size;
  double number, duration;
  int choice;
  cli_part part;
} sample;

static const cli_option sample_options[] = {
    {'f', "flag", NULL, CLI_FLAG, offsetof(sample, flag), NULL, 0, 0, 1, NULL, ""},
    {'o', "other", NULL, CLI_FLAG, offsetof(sample, other), NULL, 0, 0, 0, NULL, ""},
    {'t', "text", "words", CLI_TEXT, offsetof(sample, text), "TEXT", 0, 0, 1, NULL, ""},
    {'l', "list", NULL, CLI_LIST, offsetof(sample, list), "FILE", 0, 0, 0, NULL, ""},
    {'n', "max-count", NULL, CLI_COUNT, offsetof(sample, count), "N", 1, 9, 0, NULL, ""},
    {0, "share", NULL, CLI_NUMBER, offsetof(sample, number), "X", 0, 1, 0, NULL, ""},
    {0, "size", NULL, CLI_SIZE, offsetof(sample, size), "SIZE", 0, 0, 0, NULL, ""},
    {0, "duration", NULL, CLI_DURATION, offsetof(sample, duration), "TIME", 0, 0, 0, NULL, ""},
    {0, "choice", NULL, CLI_CHOICE, offsetof(sample, choice), "red|green", 0, 0, 0, NULL, ""},
    {0, "part", NULL, CLI_PART, offsetof(sample, part), "K/N", 0, 0, 0, NULL, ""},
};

static const cli_command sample_command = {
    .name = "sample",
    .options = sample_options,
    .option_count = sizeof sample_options / sizeof *sample_options,
    .word = "FILE",
    .most_words = 2,
    .arguments_size = sizeof(sample),
};

enum { MOST = 32 };

/* Parses `line`, split at spaces ("~" stands for a space inside a word). */
static bool parse(const cli_command *command, const char *line, void *arguments, char *message) {
  static char words[512];
  char *list[MOST];
  int count = 0;
  snprintf(words, sizeof words, "%s", line);
  memset(arguments, 0, command->arguments_size);
  for (char *c = words; *c && count < MOST; count++) {
    list[count] = c;
    for (; *c && *c != ' '; c++) *c = *c == '~' ? ' ' : *c;
    if (*c) *c++ = 0;
  }
  message[0] = 0;
  return cli_parse(command, count, list, count, list, arguments, message);
}

static void expect_sample(const char *line, sample *out) {
  char message[CLI_MESSAGE];
  if (!parse(&sample_command, line, out, message)) fail_msg("%s: %s", line, message);
}

static void expect_refusal(const cli_command *command, const char *line, const char *sentence) {
  char message[CLI_MESSAGE];
  union {
    sample s;
    cli_request r;
  } arguments;
  bool fine = parse(command, line, &arguments, message);
  if (fine && command == &cli_attribute) fine = cli_request_check(&arguments.r, message);
  cli_release(command, &arguments);
  if (fine) fail_msg("%s: was accepted", line);
  assert_string_equal(message, sentence);
}

static void reads_every_spelling(void **state) {
  (void)state;
  static const char *const same[] = {
      "-o -t a~b -n 3",
      "-ota~b -n3",
      "--other --text a~b --max-count 3",
      "--text=a~b --max-count=3 -o",
      "--words a~b --max_count=3 --other",
  };
  for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
    sample s;
    expect_sample(same[i], &s);
    assert_true(s.other && !s.flag);
    assert_string_equal(s.text, "a b");
    assert_int_equal(s.count, 3);
    assert_int_equal(s.parsed.words.count, 0);
    cli_release(&sample_command, &s);
  }
}

static void reads_words_and_lists(void **state) {
  (void)state;
  sample s;
  expect_sample("one -l a -fo -lb --list=c -- -f", &s);
  assert_int_equal(s.parsed.words.count, 2);
  assert_string_equal(s.parsed.words.items[0], "one");
  assert_string_equal(s.parsed.words.items[1], "-f");
  assert_int_equal(s.list.count, 3);
  assert_string_equal(s.list.items[2], "c");
  assert_true(s.flag && s.other);
  cli_release(&sample_command, &s);

  expect_sample("-", &s);
  assert_string_equal(s.parsed.words.items[0], "-");
  cli_release(&sample_command, &s);

  /* A value may look like an option, and an empty value is one. */
  expect_sample("-t --flag --list=", &s);
  assert_string_equal(s.text, "--flag");
  assert_false(s.flag);
  assert_string_equal(s.list.items[0], "");
  cli_release(&sample_command, &s);
}

static void help_stops_reading(void **state) {
  (void)state;
  static const char *const lines[] = {"-h", "--help", "-oh --nonsense", "-t x --help --nonsense"};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
    sample s;
    expect_sample(lines[i], &s);
    assert_true(s.parsed.help);
    cli_release(&sample_command, &s);
  }
}

static void refuses_with_a_sentence(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"--tekst a", "unknown option --tekst: did you mean --text?"},
      {"--dur 2", "unknown option --dur: did you mean --duration?"},
      {"--wrods a", "unknown option --wrods: did you mean --words?"},
      {"--nonsense", "unknown option --nonsense"},
      {"-z", "unknown option -z"},
      {"-oz", "unknown option -z"},
      {"-zeta 1", "unknown option -zeta (long options begin with two dashes)"},
      {"--text", "--text needs a value: TEXT"},
      {"-on", "-n needs a value: N"},
      {"--flag=yes", "--flag takes no value"},
      {"-t a --text b", "--text is given twice"},
      {"-f --text b", "--text and --flag exclude each other"},
      {"-n 0", "-n: '0' is not a whole number from 1 to 9"},
      {"-n 10", "-n: '10' is not a whole number from 1 to 9"},
      {"--max-count=-1", "--max-count: '-1' is not a whole number from 1 to 9"},
      {"-n 3x", "-n: '3x' is not a whole number from 1 to 9"},
      {"--share 1.01", "--share: '1.01' is not a number from 0 to 1"},
      {"--size 12Q", "--size: '12Q' is not a size such as 1.3G, 800M or 512MiB"},
      {"--duration 1x", "--duration: '1x' is not a duration such as 90s, 2m or 1h30m"},
      {"--choice re", "--choice: 're' is not one of red, green"},
      {"--part 3/2", "--part: '3/2' is not a part such as 1/4 (the first of four)"},
      {"a b c", "'c' is one argument too many"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    expect_refusal(&sample_command, cases[i][0], cases[i][1]);
  }
  cli_command needy = sample_command;
  needy.least_words = 2;
  expect_refusal(&needy, "", "the FILE is missing");
  expect_refusal(&needy, "a", "another FILE is missing");
}

static void reads_counts(void **state) {
  (void)state;
  uint64_t n = 7;
  assert_true(cli_read_count("18446744073709551615", 0, UINT64_MAX, &n));
  assert_true(n == UINT64_MAX);
  assert_true(cli_read_count("0x1F", 0, 100, &n));
  assert_int_equal(n, 31);
  assert_true(cli_read_count("010", 0, 100, &n)); /* no octal surprise */
  assert_int_equal(n, 10);
  static const char *const bad[] = {"",   " 1",  "+1", "-1",
                                    "1 ", "1.0", "0x", "18446744073709551616"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    if (cli_read_count(bad[i], 0, UINT64_MAX, &n)) fail_msg("'%s' was read as a count", bad[i]);
  }
}

static void reads_numbers(void **state) {
  (void)state;
  static const char *const good[] = {"0.25", ".25", "25e-2", "2.5E-1"};
  static const char *const bad[] = {"",    " 1",  "+1",  "-1", "1 ", "nan", "inf",
                                    "0x1", "1,5", "1.5", ".",  "e1", "1e",  "1e999"};
  double x = 7;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    if (!cli_read_number(good[i], 0, 1, &x)) fail_msg("'%s' was not read", good[i]);
    assert_true(x == 0.25);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    if (cli_read_number(bad[i], 0, 1, &x)) fail_msg("'%s' was read as a number", bad[i]);
  }
}

static void reads_sizes(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint64_t bytes;
  } good[] = {{"1", 1},
              {"800M", 800ull << 20},
              {"1.5G", 3ull << 29},
              {"2GiB", 2ull << 30},
              {"2GB", 2000000000},
              {"3 kb", 3000},
              {"4k", 4096},
              {"10B", 10},
              {".5K", 512}};
  static const char *const bad[] = {"",  "G",   "-1G",      "1e3", "1GG",  "1iB",
                                    "0", "0.1", "9999999P", "1G ", "1GiBs"};
  uint64_t bytes = 0;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    if (!cli_read_size(good[i].text, &bytes)) fail_msg("'%s' was not read", good[i].text);
    assert_int_equal(bytes, good[i].bytes);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    if (cli_read_size(bad[i], &bytes)) fail_msg("'%s' was read as a size", bad[i]);
  }
}

static void reads_durations(void **state) {
  (void)state;
  static const struct {
    const char *text;
    double seconds;
  } good[] = {{"90", 90},      {"90s", 90},     {"2m", 120},  {"2min", 120},   {"1h", 3600},
              {"1h30m", 5400}, {"1h 5s", 3605}, {"1.5m", 90}, {"250ms", 0.25}, {"1d", 86400}};
  static const char *const bad[] = {"",     "0",    "s",    "-1",  "1x",
                                    "1m1h", "1m1m", "1m30", "5 5", "1e9d"};
  double seconds = 0;
  for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
    if (!cli_read_duration(good[i].text, &seconds)) fail_msg("'%s' was not read", good[i].text);
    assert_true(seconds == good[i].seconds);
  }
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    if (cli_read_duration(bad[i], &seconds)) fail_msg("'%s' was read as a duration", bad[i]);
  }
}

static void reads_parts_and_choices(void **state) {
  (void)state;
  cli_part part;
  assert_true(cli_read_part("2/4", &part));
  assert_int_equal(part.number, 2);
  assert_int_equal(part.parts, 4);
  static const char *const bad[] = {"", "/", "1", "0/4", "5/4", "1/0", "1/2/3", "-1/2", " 1/2"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    if (cli_read_part(bad[i], &part)) fail_msg("'%s' was read as a part", bad[i]);
  }
  assert_int_equal(cli_read_choice("yes", "auto|yes|no"), 1);
  assert_int_equal(cli_read_choice("no", "auto|yes|no"), 2);
  assert_int_equal(cli_read_choice("", "auto|yes|no"), -1);
  assert_int_equal(cli_read_choice("aut", "auto|yes|no"), -1);
  assert_int_equal(cli_read_choice("auto|yes", "auto|yes|no"), -1);
}

/* ---- heta attribute ------------------------------------------------------------------------ */

static void request_becomes_library_options(void **state) {
  (void)state;
  char message[CLI_MESSAGE];
  cli_request r;
  assert_true(parse(&cli_attribute,
                    "-m m.gguf -p text --beta 0.25 --target ~Paris --versus ~Rome --join --bos no "
                    "--hvp-samples=7 -t 3 --max-mem 1G --max-time 2m --part 2/3 --seed 5 "
                    "--precision=f64",
                    &r, message));
  assert_true(cli_request_check(&r, message));
  heta_attribute_options o = cli_request_options(&r);
  assert_int_equal(o.struct_size, sizeof o);
  assert_string_equal(o.method, heta_attribute_options_default().method);
  assert_int_equal(o.method_option_count, 2);
  assert_string_equal(o.method_options[0].name, "beta");
  assert_string_equal(o.method_options[0].value, "0.25");
  assert_string_equal(o.method_options[1].name, "probes"); /* by its alias */
  assert_string_equal(o.method_options[1].value, "7");
  assert_int_equal(o.target, HETA_TARGET_TEXT);
  assert_string_equal(o.target_text, " Paris");
  assert_string_equal(o.foil_text, " Rome");
  assert_true(o.join && !o.parse_special);
  assert_int_equal(o.bos, HETA_BOS_NO);
  assert_int_equal(o.threads, 3);
  assert_int_equal(o.max_memory, 1 << 30);
  assert_true(o.max_seconds == 120);
  assert_int_equal(o.part, 1);
  assert_int_equal(o.parts, 3);
  assert_int_equal(o.seed, 5);
  assert_int_equal(o.precision, HETA_PRECISION_F64);
  cli_release(&cli_attribute, &r);
}

static void request_targets(void **state) {
  (void)state;
  static const struct {
    const char *line;
    heta_target_mode mode;
    size_t count;
  } cases[] = {{"-m m -p t", HETA_TARGET_NEXT, 0},
               {"-m m -p t -n 4", HETA_TARGET_GENERATE, 4},
               {"-m m -p t --predict 4", HETA_TARGET_GENERATE, 4},
               {"-m m -p t --last", HETA_TARGET_LAST, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char message[CLI_MESSAGE];
    cli_request r;
    assert_true(parse(&cli_attribute, cases[i].line, &r, message));
    heta_attribute_options o = cli_request_options(&r);
    assert_int_equal(o.target, cases[i].mode);
    assert_int_equal(o.target_count, cases[i].count);
    cli_release(&cli_attribute, &r);
  }
}

static void request_decoding(void **state) {
  (void)state;
  static const struct {
    const char *line;
    double temperature, top_p;
    size_t top_k;
    double penalty;
  } cases[] = {{"-m m -p t", 0, 0, 0, 0},
               {"-m m -p t --temperature 0", 0, 0, 0, 0},
               {"-m m -p t --temp 0.8 -n 3", 0.8, 0, 0, 0},
               {"-m m -p t --top_p 0.9", 1, 0.9, 0, 0},
               {"-m m -p t --top-k 40", 1, 0, 40, 0},
               {"-m m -p t --repeat-penalty 1.2", 0, 0, 0, 1.2},
               {"-m m -p t --top-p .5 --temperature 2", 2, 0.5, 0, 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char message[CLI_MESSAGE];
    cli_request r;
    assert_true(parse(&cli_attribute, cases[i].line, &r, message));
    assert_true(cli_request_check(&r, message));
    heta_attribute_options o = cli_request_options(&r);
    assert_true(o.temperature == cases[i].temperature && o.top_p == cases[i].top_p);
    assert_true(o.top_k == cases[i].top_k && o.repeat_penalty == cases[i].penalty);
    cli_release(&cli_attribute, &r);
  }
}

static void request_refusals(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"-m m -p t --target a --last", "--last and --target exclude each other"},
      {"-m m -p t -n 2 --target a", "--target and --predict exclude each other"},
      {"-m m -p t -f t", "-f and --prompt exclude each other"},
      {"-m m -p t --join", "--join joins the text with --target TEXT, which is not given"},
      {"-m m -p t -a hetta", "there is no method 'hetta': did you mean heta?"},
      {"-m m -p t -a zzzzzzz", "there is no method 'zzzzzzz': heta methods lists all"},
      {"-m m -p t --bta 1", "unknown option --bta: did you mean --beta?"},
      {"-m m -p t --beta 1 --beta=2", "--beta is given twice"},
      {"-m m -p t --probes 1 --hvp-samples 2", "--hvp-samples is given twice"},
      {"-m m -p t --beta", "--beta needs a value: a number"},
      {"-m m -p t --temperature 1e9", "--temperature: '1e9' is not a number from 0 to 1000"},
      {"-m m -p t --top-p 0",
       "--top-p 0 leaves no token to draw: it takes more than 0, up to 1; the "
       "most probable token is what is explained without it"},
      {"-m m -p t --top-p 0.9 --temperature 0",
       "--temperature 0 takes the most probable token, which leaves --top-p nothing to choose: "
       "leave one of them out"},
      {"-m m -p t --top-p 0.9 --last",
       "--top-p is of tokens that the model writes, and here the target is given: leave one of "
       "them out, or let the model write with --predict N"},
      {"-m m text", "'text' belongs to no option: a text is given with -p TEXT"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    expect_refusal(&cli_attribute, cases[i][0], cases[i][1]);
  }
}

/* No name of the command's own may hide a method's option, and a name must mean the same kind of
 * value in all methods. */
static void method_options_do_not_collide(void **state) {
  (void)state;
  for (size_t m = 0; m < heta_method_count(); m++) {
    const heta_method_info *method = heta_method_at(m);
    for (size_t i = 0; i < method->option_count; i++) {
      const heta_option_info *option = &method->options[i];
      for (size_t k = 0; k < cli_attribute.option_count; k++) {
        assert_string_not_equal(cli_attribute.options[k].name, option->name);
      }
      for (size_t other = 0; other < heta_method_count(); other++) {
        const heta_option_info *same =
            cli_method_option(heta_method_at(other), option->name, strlen(option->name));
        bool flag = option->type == HETA_OPTION_FLAG;
        if (same) assert_int_equal(same->type == HETA_OPTION_FLAG, flag);
      }
    }
  }
}

/* ---- heta merge ---------------------------------------------------------------------------- */

/* A result of "one two" without rows. */
#define RESULT(schema, command, end, options)                                                      \
  "{\"schema\":\"heta.attribution/" schema "\",\"heta_version\":\"0.1.0\",\"command\":["           \
  "\"heta\"," command "],\"model\":{\"file\":\"m.gguf\",\"format\":\"gguf\",\"bytes\":1,"          \
  "\"fingerprint\":{\"kind\":\"sha256\",\"value\":\"00\"},\"architecture\":\"llama\","             \
  "\"name\":null,\"parameters\":1,\"layers\":1,\"heads\":1,\"kv_heads\":1,\"width\":1,"            \
  "\"vocabulary\":1,\"context\":1,\"weight_types\":{},\"tokenizer\":{\"model\":null,"              \
  "\"pre\":null,\"fingerprint\":null},\"chat_template\":null},\"input\":{\"text\":\"one two\","    \
  "\"prompt_end\":" end ",\"segments\":[{\"id\":\"p\",\"start\":0,\"end\":7,\"role\":"             \
  "\"prompt\",\"message\":null,\"name\":null}],\"tokens\":[{\"index\":0,\"id\":0,\"text\":"        \
  "\"one two\",\"start\":0,\"end\":7,\"kind\":\"text\",\"segment\":\"p\"}]},\"targets\":[],"       \
  "\"attributions\":[{\"method\":\"heta\",\"options\":" options ",\"seed\":0,\"objective\":"       \
  "\"logprob\",\"signed\":false,\"components\":{},\"rows\":[],\"rollups\":[],\"windows\":null,"    \
  "\"cost\":{\"forwards\":0,\"reverses\":0,\"hvps\":0,\"flop\":0},\"checks\":{}}],\"status\":"     \
  "\"partial\",\"stopped_by\":null,\"work\":[],\"timing\":{\"seconds\":0,\"phases\":{}},"          \
  "\"environment\":{\"peak_bytes\":0,\"threads\":1,\"backend\":null,\"precision\":null,"           \
  "\"cpu\":null}}"

static void reads_a_recorded_request(void **state) {
  (void)state;
  static const char json[] =
      RESULT("1",
             "\"attribute\",\"-m\",\"old.gguf\",\"-f\",\"gone.txt\",\"--target\",\" two\","
             "\"--beta\",\"1\",\"--part\",\"1/2\"",
             "3", "{\"beta\":0.25,\"probes\":6,\"mask\":\"token:42\"}");
  char message[CLI_MESSAGE];
  cli_recorded r;
  if (!cli_recorded_read(json, sizeof json - 1, &r, message)) fail_msg("%s", message);
  assert_string_equal(r.model, "m.gguf");
  assert_int_equal(r.text_size, 3);
  assert_memory_equal(r.text, "one", 3);
  assert_string_equal(r.request.target, " two");
  assert_int_equal(r.request.part.number, 1);
  /* The options as they were resolved, not as they were asked for. */
  static const heta_option expected[] = {{"beta", "0.25"}, {"probes", "6"}, {"mask", "token:42"}};
  assert_string_equal(r.request.method, "heta");
  assert_int_equal(r.request.parsed.method_option_count, 3);
  for (size_t i = 0; i < 3; i++) {
    assert_string_equal(r.request.parsed.method_options[i].name, expected[i].name);
    assert_string_equal(r.request.parsed.method_options[i].value, expected[i].value);
  }
  cli_recorded_free(&r);
}

static void last_keeps_the_whole_text(void **state) {
  (void)state;
  static const char json[] = RESULT("1", "\"-m\",\"m\",\"-p\",\"one two\",\"--last\"", "3", "{}");
  char message[CLI_MESSAGE];
  cli_recorded r;
  if (!cli_recorded_read(json, sizeof json - 1, &r, message)) fail_msg("%s", message);
  assert_int_equal(r.text_size, 7);
  cli_recorded_free(&r);
}

static void refuses_other_json(void **state) {
  (void)state;
  static const char good[] = RESULT("1", "\"-m\",\"m\"", "1", "{}");
  static const char *const bad[] = {
      "",
      "[]",
      "{}",
      "{\"schema\":\"heta.attribution/1\"}",
      RESULT("2", "\"-m\",\"m\"", "1", "{}"),
      RESULT("1", "\"-m\",3", "1", "{}"),
      RESULT("1", "\"-m\",\"m\"", "8", "{}"),
      RESULT("1", "\"-m\",\"m\"", "-1", "{}"),
      RESULT("1", "\"--nonsense\",\"m\"", "1", "{}"),
      RESULT("1", "\"-m\",\"m\"", "1", "[]"),
      RESULT("1", "\"-m\",\"m\"", "1", "{\"x\":1}"),
      RESULT("1", "\"-m\",\"m\"", "1", "{\"beta\":[]}"),
  };
  char first[CLI_MESSAGE];
  cli_recorded whole;
  if (!cli_recorded_read(good, sizeof good - 1, &whole, first)) fail_msg("%s", first);
  cli_recorded_free(&whole);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char message[CLI_MESSAGE] = "";
    cli_recorded r;
    if (cli_recorded_read(bad[i], strlen(bad[i]), &r, message)) fail_msg("accepted: %s", bad[i]);
    assert_true(message[0]);
  }
}

/* ---- Text for people ----------------------------------------------------------------------- */

static void writes_amounts(void **state) {
  (void)state;
  char room[CLI_SHORT];
  assert_string_equal(cli_bytes_text(0, room), "0 bytes");
  assert_string_equal(cli_bytes_text(1023, room), "1023 bytes");
  assert_string_equal(cli_bytes_text(1ull << 30, room), "1.0 GiB");
  assert_string_equal(cli_bytes_text(612ull << 20, room), "612 MiB");
  assert_string_equal(cli_duration_text(0.2, room), "less than a second");
  assert_string_equal(cli_duration_text(75, room), "75 s");
  assert_string_equal(cli_duration_text(130, room), "2 min 10 s");
  assert_string_equal(cli_duration_text(7260, room), "2 h 1 min");
  assert_string_equal(cli_clock_text(130, room), "2:10");
  assert_string_equal(cli_clock_text(3725, room), "1:02:05");
}

static void knows_characters(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t length;
  } cases[] = {{"a", 1},
               {"é", 2},
               {"€", 3},
               {"😀", 4},
               {"\x80", 0},
               {"\xC0\xAF", 0},
               {"\xE0\x80\x80", 0},
               {"\xED\xA0\x80", 0},
               {"\xF4\x90\x80\x80", 0},
               {"\xE2\x82", 0},
               {"\xFF", 0},
               {"", 0}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    assert_int_equal(cli_character(cases[i].bytes, strlen(cases[i].bytes)), cases[i].length);
  }
}

static void escapes_what_acts_on_terminals(void **state) {
  (void)state;
  char *bytes = NULL;
  size_t size = 0;
  FILE *stream = open_memstream(&bytes, &size);
  assert_non_null(stream);
  size_t width = cli_print_escaped(stream, "é\n\x1b[\xff\\\xC2\x9B", 9);
  fclose(stream);
  assert_string_equal(bytes, "é\\n\\x1b[\\xff\\\\\\xc2\\x9b");
  assert_int_equal(width, 22);
  free(bytes);
}

static void wraps_paragraphs(void **state) {
  (void)state;
  char *bytes = NULL;
  size_t size = 0;
  FILE *stream = open_memstream(&bytes, &size);
  assert_non_null(stream);
  cli_print_wrapped(stream, "one two three\n\n  a  = b\n  c\n\nfour", 0, 2, 9);
  fclose(stream);
  assert_string_equal(bytes, "  one two\n  three\n\n    a  = b\n    c\n\n  four\n");
  free(bytes);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_every_spelling),
      cmocka_unit_test(reads_words_and_lists),
      cmocka_unit_test(help_stops_reading),
      cmocka_unit_test(refuses_with_a_sentence),
      cmocka_unit_test(reads_counts),
      cmocka_unit_test(reads_numbers),
      cmocka_unit_test(reads_sizes),
      cmocka_unit_test(reads_durations),
      cmocka_unit_test(reads_parts_and_choices),
      cmocka_unit_test(request_becomes_library_options),
      cmocka_unit_test(request_targets),
      cmocka_unit_test(request_decoding),
      cmocka_unit_test(request_refusals),
      cmocka_unit_test(method_options_do_not_collide),
      cmocka_unit_test(reads_a_recorded_request),
      cmocka_unit_test(last_keeps_the_whole_text),
      cmocka_unit_test(refuses_other_json),
      cmocka_unit_test(writes_amounts),
      cmocka_unit_test(knows_characters),
      cmocka_unit_test(escapes_what_acts_on_terminals),
      cmocka_unit_test(wraps_paragraphs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
