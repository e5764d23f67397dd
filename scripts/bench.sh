#!/bin/sh
# `make bench`: time and peak memory of the demo's question on the demo model, by threads and
# method options; then the same work beside PyTorch, where scripts/oracle-venv.sh has installed it
# (or HETA_PYTORCH names a Python that has it). Nothing is compared with a stored value.
set -eu
. "$(dirname "$0")/common.sh"
cd "$ROOT"

model=$(scripts/model.sh)
cores=$(nproc)
printf '%-34s %8s %9s %9s\n' run threads seconds MiB

# measure NAME THREADS OPTION...
measure() {
  name=$1 threads=$2
  shift 2
  build/release/heta attribute -m "$model" -f examples/demo-prompt.txt --special -q \
    --target " Costa" --format json --threads "$threads" "$@" |
    python3 -c '
import json, sys
name, result = sys.argv[1], json.load(sys.stdin)
run = result["environment"]
print("%-34s %8d %9.2f %9.0f" % (name, run["threads"], result["timing"]["seconds"],
                                 run["peak_bytes"] / 2**20))' "$name"
}

measure "defaults" 1
[ "$cores" -eq 1 ] || measure "defaults" "$cores"
measure "one probe" "$cores" --probes 1
measure "reference backend, one probe" "$cores" --probes 1 --backend reference

python=${HETA_PYTORCH:-build/venv/bin/python}
if [ -x "$python" ]; then
  say "Beside PyTorch (many minutes) ..."
  python3 bench/compare.py --model "$model" --python "$python"
else
  say "For the comparison with PyTorch run scripts/oracle-venv.sh once, then make bench again."
fi
