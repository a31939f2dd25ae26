#!/bin/sh
# make dist gives the same bytes whenever and wherever it is called, and what it gives builds,
# passes its scenarios and can be installed.
# usage: dist.sh BUILD   (MAKE as the Makefile sets it)
set -u
build=$1
make=${MAKE:-make}
folder=$build/dist-test
rm -rf "$folder"
mkdir -p "$folder" || exit 1
folder=$(cd "$folder" && pwd)
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
name=perpcore-$version
inside() { (cd "$folder/$name" && "$@"); }

try "make dist" $make BUILD="$folder/one" dist
try "make dist again" sh -c 'umask 077 && "$@"' - $make BUILD="$folder/two" dist
try "two are the same" cmp "$folder/one/dist/$name.tar.gz" "$folder/two/dist/$name.tar.gz"
try "unpacking" tar -xzf "$folder/one/dist/$name.tar.gz" -C "$folder"
tar -tvzf "$folder/one/dist/$name.tar.gz" | awk '{ print $2, $4, $5 }' | sort -u >"$folder/owners"
try "one owner and one time" test "$(wc -l <"$folder/owners")" -eq 1
try "make dist of what is unpacked" inside $make BUILD="$folder/three" dist
try "that is the same" cmp "$folder/one/dist/$name.tar.gz" "$folder/three/dist/$name.tar.gz"
try "it builds" inside $make -j2 BUILD=build WERROR=1
try "its scenarios" inside sh tests/scenarios/run.sh build/bin
try "its layers" inside sh tests/layers/run.sh build
try "its installation" inside sh tests/install/run.sh build

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
