#!/bin/sh
# Configures and builds one preset of CMakePresets.json: build.sh PRESET [TARGET]. Says nothing when
# everything is up to date.
set -eu
. "$(dirname "$0")/common.sh"
cd "$ROOT"

preset=$1
target=${2:-all}
if [ ! -f "build/$preset/build.ninja" ]; then
  quietly "build/$preset-configure.log" cmake --preset "$preset"
fi
quietly "build/$preset-build.log" cmake --build --preset "$preset" --target "$target"
