#!/bin/sh
# `make test`: installs what is missing, builds what the tests need, then runs all tests of all
# builds as one ctest run, whose summary is the verdict and the last thing said.
set -eu
. "$(dirname "$0")/common.sh"
cd "$ROOT"

presets="release sanitize tsan"

scripts/packages.sh build model test fuzz
for preset in $presets; do
  say "Building $preset ..."
  scripts/build.sh "$preset"
done

if ! HETA_TEST_MODEL=$(scripts/model.sh); then
  say "heta: NO MODEL, so every test on a real model will be SKIPPED."
  HETA_TEST_MODEL=
fi
[ -z "$HETA_TEST_MODEL" ] || export HETA_TEST_MODEL

# A folder of ctest's own kind that only points at the builds.
mkdir -p build/all
for preset in $presets; do
  printf 'subdirs("%s")\n' "$ROOT/build/$preset"
done >build/all/CTestTestfile.cmake

say "Testing ..."
exec ctest --test-dir build/all --output-on-failure --no-tests=error --parallel 2
