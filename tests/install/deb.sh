#!/bin/sh
# make deb gives packages that lintian has nothing against, and whose files a host, the tools and
# Python can use; the packages are unpacked, not installed.
# usage: deb.sh BUILD   (MAKE as the Makefile sets it)
set -u
build=$1
for tool in dpkg-buildpackage dh lintian pybuild; do
    command -v $tool >/dev/null || {
        echo "left out: Debian packages (need $tool)"
        exit 77
    }
done
folder=$build/deb-test
rm -rf "$folder"
mkdir -p "$folder/root" || exit 1
folder=$(cd "$folder" && pwd)
root=$folder/root
passed=0
failed=0
# try WHAT COMMAND...: it ends with 0; shown is the end of what it said where it does not.
try() {
    what=$1
    shift
    if "$@" >"$folder/log" 2>&1; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "$what:"
        tail -n 40 "$folder/log"
    fi
}
version=$(sed -nE 's/^#define PERP_VERSION_(MAJOR|MINOR|PATCH) //p' include/perpcore/types.h |
    paste -sd.)
lib=$root/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)
pc() { PKG_CONFIG_PATH=$lib/pkgconfig pkg-config --define-variable=prefix="$root/usr" "$@"; }

try "make deb" ${MAKE:-make} BUILD="$folder" deb
try "lintian" lintian --allow-root --fail-on error,warning "$folder"/deb/perpcore_*.changes
for package in libperpcore0 libperpcore-dev perpcore-tools python3-perpcore; do
    try "there is $package" dpkg -x "$folder"/deb/${package}_"$version"-*.deb "$root"
done

# shellcheck disable=SC2046 # flags are words
for way in perpcore perpcore-static; do
    try "a host with $way compiles" cc tests/install/host.c $(pc --cflags --libs $way) \
        -o "$folder/$way"
    try "a host with $way runs" env LD_LIBRARY_PATH="$lib" "$folder/$way"
done
for tool in perp-scenario perp-replay perpcore-console perpctl; do
    try "$tool has the version" test \
        "$(LD_LIBRARY_PATH=$lib "$root/usr/bin/$tool" --version)" = "$tool $version"
done
for tool in "$root"/usr/bin/*; do
    try "${tool##*/} has a library path" \
        sh -c '! readelf -d "$1" | grep -E "RPATH|RUNPATH"' - "$tool"
done
try "python3 opens a book" env -i PATH=/usr/bin:/bin LD_LIBRARY_PATH="$lib" \
    PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$root/usr/lib/python3/dist-packages" python3 -c '
import perpcore
with perpcore.Core() as core:
    core.check()
'

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
