#!/bin/sh
# `make bench`: the passes on the demo model beside bare matrix products, and beside PyTorch where
# scripts/oracle-venv.sh has installed it (or HETA_PYTORCH names a Python that has it). Nothing is
# compared with a stored value.
set -eu
. "$(dirname "$0")/common.sh"
cd "$ROOT"

model=$(scripts/model.sh)
python=${HETA_PYTORCH:-build/venv/bin/python}
if [ -x "$python" ]; then
  say "heta and PyTorch, 64 tokens, sampled (some minutes) ..."
  build/release/heta bench -m "$model" --sample 8 --against pytorch --python "$python"
else
  build/release/heta bench -m "$model" --sample 8
  say "For the comparison with PyTorch run scripts/oracle-venv.sh once, then make bench again."
fi
