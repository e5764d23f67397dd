/* speed.c: the file of measured speeds: {"schema": …, "speeds": {KEY: {…}}}. */
#define _GNU_SOURCE /* sched_getaffinity */

#include "cli/speed.h"

#include "cli/file.h"
#include "cli/json.h"

#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SCHEMA "heta.speed/1"

/* Of a smaller model the measurement takes less time than the file. */
static const uint64_t WORTH_KEEPING = 10000000;
enum { TRIES = 5, MOST_ENTRIES = 200 };
/* Above this load others compute too. */
static const double BUSY = 0.5;

/* Processors this process may use. */
static int cores(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) ? 1 : CPU_COUNT(&set);
}

/* Processor, threads, arithmetic and model: what a speed depends on. */
static void key_of(const heta_model_info *info, const heta_speed *speed, char *room, size_t size) {
  char line[256], cpu[128] = "unknown";
  FILE *file = fopen("/proc/cpuinfo", "r");
  while (file && fgets(line, sizeof line, file)) {
    char *value = strchr(line, ':');
    if (strncmp(line, "model name", 10) != 0 || !value) continue;
    value += strspn(value, ": \t");
    value[strcspn(value, "\n")] = 0;
    snprintf(cpu, sizeof cpu, "%.120s", value);
    break;
  }
  if (file) fclose(file);
  snprintf(room, size, "%s, %d threads of %d, %s %s, heta %s, %s", cpu, speed->threads, cores(),
           speed->backend == HETA_BACKEND_CPU ? "cpu" : "reference",
           speed->precision == HETA_PRECISION_F64 ? "f64" : "f32", heta_version(),
           info->fingerprint);
}

static bool path_of(char path[PATH_MAX]) {
  char folder[HETA_PATH];
  heta_error error;
  if (heta_cache_folder(NULL, folder, &error)) return false;
  return snprintf(path, PATH_MAX, "%s/speed.json", folder) < PATH_MAX;
}

/* The file's object, or a new one: what is not of this schema is replaced. */
static json_t *read_file(const char *path) {
  json_t *root = json_load_file(path, 0, NULL);
  const char *schema = json_string_value(json_object_get(root, "schema"));
  if (schema && !strcmp(schema, SCHEMA) && json_is_object(json_object_get(root, "speeds"))) {
    return root;
  }
  json_decref(root);
  return json_pack("{s:s, s:{}}", "schema", SCHEMA, "speeds");
}

static bool number_of(const json_t *entry, const char *name, double *out) {
  *out = json_number_value(json_object_get(entry, name));
  return *out > 0 && isfinite(*out);
}

static bool read_entry(const json_t *entry, heta_speed *speed, bool *busy) {
  double load = json_number_value(json_object_get(entry, "load"));
  *busy = !(load < BUSY);
  return number_of(entry, "forward", &speed->forward) &&
         number_of(entry, "reverse", &speed->reverse) &&
         number_of(entry, "attention", &speed->attention);
}

static void write_entry(json_t *root, const char *path, const char *key, const heta_speed *speed,
                        double load) {
  char day[32] = "", folder[PATH_MAX];
  time_t now = time(NULL);
  struct tm parts;
  cli_file file;
  if (gmtime_r(&now, &parts)) strftime(day, sizeof day, "%Y-%m-%d", &parts);
  json_t *speeds = json_object_get(root, "speeds");
  json_t *entry =
      json_pack("{s:f, s:f, s:f, s:f, s:s}", "forward", speed->forward, "reverse", speed->reverse,
                "attention", speed->attention, "load", load, "measured", day);
  if (json_object_size(speeds) >= MOST_ENTRIES) json_object_clear(speeds);
  if (!entry || json_object_set_new(speeds, key, entry) != 0) return;
  char *text = json_dumps(root, JSON_INDENT(1) | JSON_SORT_KEYS | JSON_REAL_PRECISION(4));
  if (text && cli_directory_of(path, folder)) {
    mkdir(folder, 0777); /* there, or told by the next call */
    if (!cli_file_try(folder) && !cli_file_open(path, true, &file)) {
      fprintf(file.stream, "%s\n", text);
      cli_file_close(&file, 0);
    }
  }
  free(text);
}

static double larger(double a, double b) { return a > b ? a : b; }

/* The best of several; `speed` is what is known already, or zeros. */
static bool measure(const heta_model *model, int tries, heta_speed *speed) {
  heta_error error;
  for (int i = 0; i < tries; i++) {
    heta_speed one = *speed;
    if (heta_speed_measure(model, &one, &error)) return false;
    speed->forward = larger(speed->forward, one.forward);
    speed->reverse = larger(speed->reverse, one.reverse);
    speed->attention = larger(speed->attention, one.attention);
  }
  return true;
}

void cli_speed_apply(const heta_model *model, int backend, int precision, uint64_t threads) {
  const heta_model_info *info = heta_model_get_info(model);
  heta_speed speed = {.struct_size = sizeof speed,
                      .backend = (heta_backend)backend,
                      .precision = (heta_precision)precision,
                      .threads = threads ? (int)threads : cores()};
  char key[512], path[PATH_MAX];
  bool busy = true;
  double load = 0;
  if (info->parameters < WORTH_KEEPING || !path_of(path)) return;
  key_of(info, &speed, key, sizeof key);
  json_t *root = read_file(path);
  const json_t *entry = json_object_get(json_object_get(root, "speeds"), key);
  bool known = entry && read_entry(entry, &speed, &busy);
  if (!known) speed.forward = speed.reverse = speed.attention = 0;
  if (getloadavg(&load, 1) != 1) load = 0;
  bool measured = (!known || busy) && measure(model, known ? 1 : TRIES, &speed);
  if (measured && root) write_entry(root, path, key, &speed, load);
  if (known || measured) heta_model_set_speed(model, &speed, NULL);
  json_decref(root);
}
