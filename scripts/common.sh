# Sourced by the other scripts: the project's folder, and how they speak.
# Everything said goes to stderr, so that a script's stdout stays its result.
ROOT=$(cd "$(dirname "$0")/.." && pwd)

say() { printf '%s\n' "$*" >&2; }

fail() {
  printf 'heta: %s\n' "$*" >&2
  exit 1
}

# quietly LOG COMMAND...: runs the command with its output in LOG. On a terminal the newest line of
# the log shows as one line that is overwritten; when the command fails, the log's end is printed.
quietly() {
  log=$1
  shift
  mkdir -p "$(dirname "$log")"
  if [ -t 2 ]; then
    { "$@" 2>&1 && echo 0 >"$log.status" || echo $? >"$log.status"; } </dev/null |
      tee "$log" | while IFS= read -r line; do printf '\r\033[K  %.76s' "$line" >&2; done
    printf '\r\033[K' >&2
  else
    "$@" >"$log" 2>&1 </dev/null && echo 0 >"$log.status" || echo $? >"$log.status"
  fi
  code=$(cat "$log.status")
  rm -f "$log.status"
  if [ "$code" -ne 0 ]; then
    tail -n 60 "$log" >&2
    say "heta: this failed with exit code $code: $*"
    say "heta: the whole log is $log"
    return "$code"
  fi
}
