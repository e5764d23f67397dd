#!/bin/sh
# Proves both commands where nothing is installed: `make demo` and `make test`, each in a new
# minimal Debian root with a clone of the committed tree. Needs root rights and debootstrap.
# fresh-root.sh [demo|test|packages]...; logs stay in /tmp/heta-fresh-root, the roots are removed.
# Package mirror, name servers and pip's settings are those of the machine it runs on.
set -eu
. "$(dirname "$0")/common.sh"

[ "$(id -u)" -eq 0 ] || fail "fresh-root.sh makes a system root, which needs root rights."
command -v debootstrap >/dev/null || fail "fresh-root.sh needs the Debian package debootstrap."

release=bookworm
folder=${TMPDIR:-/tmp}/heta-fresh-root
mkdir -p "$folder"
base=$folder/base
[ $# -gt 0 ] || set -- demo test

# "URI SUITE COMPONENT" of every package source of this machine for the release.
sources() {
  apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
    awk -v release="$release" 'index($2, release) == 1 && $1 ~ /debian/ && !seen[$0]++'
}

# Files of this machine that a root needs to reach the same registries.
prepare() {
  root=$1
  sources | sed 's/^/deb /' >"$root/etc/apt/sources.list"
  for file in /etc/resolv.conf /etc/hosts /etc/pip.conf; do
    [ ! -e "$file" ] || cp -L "$file" "$root$file"
  done
  if [ -d /usr/local/share/ca-certificates ]; then
    mkdir -p "$root/usr/local/share"
    cp -r /usr/local/share/ca-certificates "$root/usr/local/share/"
  fi
  mkdir -p "$root/root/.config"
  [ ! -d "$HOME/.config/pip" ] || cp -r "$HOME/.config/pip" "$root/root/.config/"
  git clone -q --no-hardlinks "$ROOT" "$root/root/heta"
}

# inside ROOT COMMAND: in a mount namespace of its own, so that no mount outlives the command.
inside() {
  root=$1
  settings=$(env | grep -E '^(PIP_[A-Z_]*|https?_proxy|HTTPS?_PROXY|no_proxy|NO_PROXY)=' || true)
  unshare --mount --pid --fork sh -eu -c '
    root=$1 command=$2 settings=$3
    mount --make-rprivate /
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    IFS="
"
    exec chroot "$root" env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 CI=true \
      $settings sh -c "cd /root/heta && $command"
  ' sh "$root" "$2" "$settings" </dev/null
}

if [ ! -e "$base.done" ]; then
  say "A minimal $release root ..."
  rm -rf --one-file-system "$base"
  mirror=$(sources | awk -v release="$release" '$2 == release { print $1; exit }')
  [ -n "$mirror" ] || fail "this machine's apt sources name no mirror of $release."
  quietly "$folder/debootstrap.log" debootstrap --variant=minbase "$release" "$base" "$mirror"
  touch "$base.done"
fi

failed=0
for what in "$@"; do
  root=$folder/$what
  rm -rf --one-file-system "$root"
  cp -a "$base" "$root"
  prepare "$root"
  case $what in
    packages) command="scripts/packages.sh build model test fuzz && scripts/packages.sh build" ;;
    demo) command="make demo && echo ---- again ---- && make demo" ;;
    test) command="bash .ci/run" ;;
    *) fail "fresh-root.sh proves 'demo', 'test' or 'packages', not '$what'." ;;
  esac
  say "$what in a fresh root ..."
  began=$(date +%s)
  code=0
  inside "$root" "apt-get -q update && apt-get install -q -y make && $command" \
    >"$folder/$what.log" 2>&1 || code=$?
  say "$what: exit code $code after $(($(date +%s) - began)) s; log: $folder/$what.log"
  [ "$code" -eq 0 ] || failed=1
  rm -rf --one-file-system "$root"
done
exit $failed
