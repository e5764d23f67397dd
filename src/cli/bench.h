/* bench.h: what `heta bench` measured, for the files that show and compare it. */
#ifndef HETA_CLI_BENCH_H
#define HETA_CLI_BENCH_H

#include "cli/input.h"
#include "cli/json.h"

typedef struct cli_bench_arguments {
  cli_parsed parsed; /* must be first */
  const char *model;
  cli_input input;
  uint64_t tokens, probes, seed, threads, repeats, sample;
  int curvature, format, against;
  const char *python, *script;
} cli_bench_arguments;

enum { CLI_BENCH_TERM, CLI_BENCH_JSON, CLI_BENCH_MARKDOWN };
enum { CLI_AGAINST_NOTHING, CLI_AGAINST_PYTORCH, CLI_AGAINST_PEERS };

/* One row of the table: medians over the repeats. */
typedef struct cli_bench_part {
  const char *name;
  double seconds, flop;
  double rate; /* of bare matrix products in the same shapes; 0: not compared with it */
} cli_bench_part;

enum { CLI_BENCH_PARTS = 8 };

typedef struct cli_bench {
  const heta_model_info *model;
  char cpu[128];
  size_t tokens;
  uint64_t probes, probes_run, repeats;
  const char *curvature;
  int threads;
  double load;             /* of the machine when it began: processes that wanted to run */
  double forward, reverse; /* bare matrix products, the best of all measurements */
  uint64_t peak, planned;  /* bytes */
  double planned_seconds;  /* of the work that was run */
  cli_bench_part part[CLI_BENCH_PARTS];
  size_t count;
  json_t *against; /* what the script found, or NULL */
} cli_bench;

/* Prints it in the form asked for. Returns the exit code. bench_show.c */
int cli_bench_show(const cli_bench *bench, int format);
/* The same of what bench/against_peers.py found, by itself. */
int cli_bench_show_peers(const json_t *found, int format);
/* Runs bench/compare.py on the text, this program and PyTorch in turn, or bench/against_peers.py.
 * Returns the exit code, and the script's findings in *found. bench_against.c */
int cli_bench_against(const cli_bench_arguments *arguments, const cli_text *text, json_t **found);

#endif
