#!/bin/sh
# Makes the Python environment of tests/oracle and bench/reference_pytorch.py:
#   scripts/oracle-venv.sh [FOLDER]        (default build/venv)
# Nothing that builds or tests heta needs it: the fixtures it writes are committed.
set -eu
. "$(dirname "$0")/common.sh"
cd "$ROOT"

venv=${1:-build/venv}
python3 -m venv "$venv" ||
  fail "python3 could not make the environment $venv; on Debian, install the package python3-venv"
quietly build/oracle-venv.log "$venv/bin/pip" install torch==2.13.0
quietly build/oracle-venv.log "$venv/bin/pip" install transformers==5.23.0 gguf==0.19.0 \
  tokenizers==0.23.3 numpy==2.4.6 safetensors==0.8.0 accelerate==1.15.0 \
  xllamacpp==2026.10.11549
say "Run the scripts with $venv/bin/python, for example tests/oracle/check.py."
