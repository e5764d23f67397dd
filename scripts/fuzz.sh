#!/bin/sh
# Fuzzes each parser, or one of them, from its committed seeds: fuzz.sh SECONDS [NAME]
# Inputs that reach new code are kept in build/fuzz/corpus/NAME; one that fails is written to
# build/fuzz/NAME-*, and running the target on that file alone shows the failure again.
set -eu
. "$(dirname "$0")/common.sh"
cd "$ROOT"

seconds=$1
only=${2:-}
found=0
for program in build/fuzz/tests/fuzz_*; do
  [ -x "$program" ] && [ -f "$program" ] || continue
  name=${program##*/fuzz_}
  [ -z "$only" ] || [ "$only" = "$name" ] || continue
  found=1
  say "Fuzzing $name for $seconds seconds ..."
  mkdir -p "build/fuzz/corpus/$name"
  "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    -artifact_prefix="build/fuzz/$name-" "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name"
done
[ "$found" = 1 ] || fail "there is no fuzz target '$only'; the targets are tests/fuzz/fuzz_*.c."
