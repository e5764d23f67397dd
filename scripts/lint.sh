#!/bin/sh
# `make lint`: source rules, layers of the rooms, what the documents name, and the formatting
# of the C sources.
set -eu
. "$(dirname "$0")/common.sh"
cd "$ROOT"

status=0
python3 tools/check_source.py || status=1
python3 tools/check_layers.py || status=1
python3 tools/check_documents.py || status=1
git ls-files '*.c' '*.h' | xargs clang-format --dry-run --Werror || status=1
exit $status
