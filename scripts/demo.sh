#!/bin/sh
# `make demo`: installs what is missing, builds heta, fetches a small model and explains one answer.
# Each step says what it does and how long it may take; a second call goes straight to the last one.
set -eu
. "$(dirname "$0")/common.sh"
cd "$ROOT"

heta=build/release/heta
question=examples/demo-prompt.txt
answer=" Costa"
page=demo.html

say "1/4  Debian packages (first time: about a minute)"
scripts/packages.sh build model
say "2/4  Build (first time: about a minute)"
scripts/build.sh release heta
say "3/4  Model (first time: a download of 93 MB)"
model=$(scripts/model.sh)
say "4/4  Attribution: why would the model write '$answer' here? (a minute on two free cores)"
say ""
"$heta" attribute -m "$model" -f "$question" --special --target "$answer" \
  --format term --preview -o "$page" --overwrite

cat <<END

The words that stand out are those that made the model write '$answer'.
The same with every number behind it: open $ROOT/$page in a browser.

Try it on a model of your own (a GGUF file or a Hugging Face folder; heta model list finds them):
  $heta model info your.gguf
  $heta attribute -m your.gguf -p "The capital of France is"
  $heta attribute -m your.gguf -f prompt.txt --target " Paris" -o why.html
END
