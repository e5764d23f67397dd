#!/bin/sh
# Prints the path of the demo model on stdout, after fetching it with the built program if need be;
# everything else goes to stderr. HETA_MODEL=FILE names another model instead.
set -eu
. "$(dirname "$0")/common.sh"

if [ -n "${HETA_MODEL:-}" ]; then
  [ -r "$HETA_MODEL" ] || fail "HETA_MODEL names '$HETA_MODEL', which cannot be read."
  printf '%s\n' "$HETA_MODEL"
  exit 0
fi

cd "$ROOT"
[ -x build/release/heta ] || scripts/build.sh release heta >&2
build/release/heta model pull smollm2-135m -y ||
  fail "there is no demo model. To supply one yourself, set HETA_MODEL=/path/to/any-model.gguf."
