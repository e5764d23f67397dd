#!/bin/sh
# Installs a build into an empty folder and uses it as a stranger would: install.sh BUILD
# A small client is compiled through pkg-config and through find_package, the header is read as C++,
# the shared library must export the public interface and nothing else, and manual pages and
# completion must be where their readers look.
set -eu
build=$(cd "$1" && pwd)
source=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  printf 'install: %s\n' "$*" >&2
  exit 1
}

cmake --install "$build" --prefix "$work/root" >/dev/null
library=$(find "$work/root" -name libheta.so)
[ -n "$library" ] || fail "no libheta.so was installed"
folder=$(dirname "$library")
export PKG_CONFIG_PATH="$folder/pkgconfig"

# DESTDIR moves everything, and nothing that is installed knows of it.
DESTDIR=$work/stage cmake --install "$build" --prefix /usr >/dev/null
(cd "$work/root" && find . -type f | sort) >"$work/plain"
(cd "$work/stage/usr" && find . -type f | sort) >"$work/staged"
diff "$work/plain" "$work/staged" || fail "with DESTDIR other files are installed"
[ "$(ls "$work/stage")" = usr ] || fail "with DESTDIR something is installed beside /usr"
if grep -rqI -e "$work" -e "$build" -e "$source" "$work/stage"; then
  fail "an installed text names a folder of the build"
fi

soname=$(objdump -p "$library" | awk '$1 == "SONAME" { print $2 }')
[ "$soname" = libheta.so.0 ] || fail "the SONAME is '$soname', not libheta.so.0"
[ -e "$folder/$soname" ] || fail "$soname is not installed"

# What the header declares is what the library exports. (nm -D also lists versions of symbols.)
sed -n 's/^HETA_API .*[ *]\(heta_[a-z_0-9]*\)(.*/\1/p' "$source/include/heta/heta.h" |
  sort >"$work/declared"
nm -D --defined-only "$library" | awk '{ print $3 }' | sort >"$work/exported"
[ -s "$work/declared" ] || fail "no declaration was found in heta.h"
diff "$work/declared" "$work/exported" || fail "declared (<) and exported (>) functions differ"

# Names of the static library stay out of the way of the program that links it.
strange=$(nm -g --defined-only "$folder/libheta.a" 2>/dev/null | awk 'NF == 3 { print $3 }' |
  grep -vi '^heta_' || true)
[ -z "$strange" ] || fail "the static library defines names without the prefix heta_: $strange"

cat >"$work/client.c" <<'END'
#include <heta/heta.h>
#include <stdio.h>
#include <string.h>
int main(void) {
  heta_error error;
  heta_model *model = NULL;
  heta_status status = heta_model_open("/nowhere.gguf", &model, &error);
  printf("%s: %s\n", heta_status_name(status), error.message);
  return status != HETA_E_IO || model != NULL || strcmp(heta_version(), HETA_VERSION) != 0;
}
END
flags=$(pkg-config --cflags --libs heta)
cc -std=c11 -Wall -Wextra -Wpedantic -Werror "$work/client.c" $flags -o "$work/shared"
LD_LIBRARY_PATH=$folder "$work/shared" || fail "the client built through pkg-config failed"

flags=$(pkg-config --cflags --libs --static heta | sed "s|-lheta|$folder/libheta.a|")
cc -std=c11 "$work/client.c" $flags -o "$work/static"
"$work/static" >/dev/null || fail "the client linked statically failed"

mkdir "$work/project"
cp "$work/client.c" "$work/project"
cat >"$work/project/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.16)
project(client C)
find_package(heta 0.1 REQUIRED)
add_executable(client client.c)
target_link_libraries(client heta::heta)
END
cmake -S "$work/project" -B "$work/project/build" -DCMAKE_PREFIX_PATH="$work/root" >/dev/null
cmake --build "$work/project/build" >/dev/null
"$work/project/build/client" >/dev/null || fail "the client built through find_package failed"

for compiler in g++ clang++; do
  command -v "$compiler" >/dev/null || continue
  for standard in c++11 c++17; do
    echo '#include <heta/heta.h>' | "$compiler" -std=$standard -Wall -Wextra -Wpedantic -Werror \
      -I "$work/root/include" -x c++ -fsyntax-only - || fail "heta.h is no $standard for $compiler"
  done
  flags=$(pkg-config --cflags --libs heta)
  sed 's/= NULL/= nullptr/' "$work/client.c" >"$work/client.cc"
  "$compiler" -std=c++17 -Wall -Werror "$work/client.cc" $flags -o "$work/cxx"
  LD_LIBRARY_PATH=$folder "$work/cxx" >/dev/null || fail "the client in C++ failed"
done

# One manual page for the program and one for each of its commands.
share=$work/root/share
for page in heta heta-attribute heta-merge heta-model-info; do
  [ -s "$share/man/man1/$page.1" ] || fail "there is no manual page $page.1"
done
for completion in bash-completion/completions/heta zsh/site-functions/_heta \
  fish/vendor_completions.d/heta.fish; do
  [ -s "$share/$completion" ] || fail "there is no completion $completion"
done

"$work/root/bin/heta" --version | grep -q . || fail "the installed program says no version"
