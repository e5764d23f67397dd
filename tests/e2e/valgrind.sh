#!/bin/sh
# The program on a tiny model under valgrind: no invalid access, no use of what was never set, and
# nothing lost: valgrind.sh PROGRAM. Exit code 77 (skipped) without valgrind.
set -eu
program=$1
source=$(cd "$(dirname "$0")/../.." && pwd)
model=$source/tests/data/tiny/llama-gqa.gguf
if ! command -v valgrind >/dev/null; then
  echo "SKIPPED: valgrind is not installed; the program is not run under it." >&2
  exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_WAIT_POLICY=passive # else the program begins again, which would be valgrind itself

# watched CODE ARGUMENT...: runs the program, which must end with this exit code.
watched() {
  wanted=$1
  shift
  code=0
  valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite,indirect \
    "$program" "$@" >"$work/out" 2>"$work/err" || code=$?
  if [ "$code" -ne "$wanted" ]; then
    echo "valgrind: heta $*: exit code $code instead of $wanted" >&2
    cat "$work/err" >&2
    exit 1
  fi
}

watched 0 -q -m "$model" -p "the cat" --predict 2 --probes 2 -t 1 --format none -o "$work/a.json"
watched 3 report "$work/a.json" --format term -o "$work/a.html" -o "$work/a.inseq.json" \
  --assert 'share(token:0) > 1'
watched 0 diff "$work/a.json" "$work/a.json"
watched 0 tokenize -m "$model" -p "the cat" --format json
watched 4 tokenize -m "$source/README.md" -p "the cat"
watched 2 -m "$model" -p "the cat" --assert 'share(wrod:a) > 1'
