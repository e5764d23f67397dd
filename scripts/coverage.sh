#!/bin/sh
# Runs the tests of the instrumented build and writes which lines and branches of src/ they reached:
# a table on stdout, and build/cov/coverage.html with every source line.
set -eu
. "$(dirname "$0")/common.sh"
cd "$ROOT"

scripts/build.sh cov
find build/cov -name '*.gcda' -delete
ctest --preset cov --output-on-failure >&2
# The engine is compiled once per precision; both count for the same lines.
gcovr --root . --filter src/ --object-directory build/cov --exclude-unreachable-branches \
  --txt --html-details build/cov/coverage.html --print-summary
say "Line by line: build/cov/coverage.html"
