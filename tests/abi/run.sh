#!/bin/sh
# The built library exports what the headers promise and imports only what it may; the headers
# promise all that the last release did.
# usage: run.sh BUILD   (SANITIZE set: the sanitizer's own imports are not looked at)
build=$1
here=tests/abi
folder=$build/abi
shared=$build/lib/libperpcore.so
mkdir -p "$folder" || exit 1
export LC_ALL=C
passed=0
failed=0

# same WHAT EXPECTED ACTUAL: two files are equal.
same() {
    if diff "$2" "$3" >"$folder/diff"; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "$1 (< expected, > found):"
        cat "$folder/diff"
    fi
}

# also COMMAND...: a test of its own, whose last line counts.
also() {
    "$@" >"$folder/also" 2>&1
    code=$?
    sed '$d' "$folder/also"
    # shellcheck disable=SC2046 # the words of "N passed, N failed"
    set -- $(tail -n 1 "$folder/also")
    passed=$((passed + ${1:-0}))
    failed=$((failed + ${3:-1}))
    [ $code -eq 0 ] || [ "${3:-1}" -gt 0 ] || failed=$((failed + 1))
}

sh $here/map.sh >"$folder/expected.map"
same "lib/perpcore.map and what make map writes" "$folder/expected.map" lib/perpcore.map

also sh $here/check.sh include lib/perpcore.map "$folder"

cut -d ' ' -f 1,2 "$folder/symbols" >"$folder/promised"
nm -D --defined-only "$shared" | awk '$2 != "A" { sub(/@+/, " ", $3); print $3 }' | sort \
    >"$folder/exported"
same "functions and symbol versions of the library" "$folder/promised" "$folder/exported"

# The symbols that the archive shows to a static host must not collide with the host's.
nm -g --defined-only "$build/lib/libperpcore.a" |
    awk 'NF == 3 && $3 !~ /^(perp_|__odr_asan)/ { print $3 }' >"$folder/foreign"
: >"$folder/none"
same "symbols of the archive without the prefix perp_" "$folder/none" "$folder/foreign"

sed -n 's/^#define PERP_VERSION_MAJOR /libperpcore.so./p' include/perpcore/types.h >"$folder/soname"
objdump -p "$shared" | awk '$1 == "SONAME" { print $2 }' >"$folder/soname.found"
same "SONAME" "$folder/soname" "$folder/soname.found"

# No thread is started, no clock read, no socket opened: the library can only call what is listed.
if [ -z "$SANITIZE" ]; then
    nm -D --undefined-only "$shared" | awk '{ sub(/@.*/, "", $2); print $2 }' | sort \
        >"$folder/imports"
    sed -e 's/ *#.*//' -e '/^$/d' -e 's/\*$/.*/' $here/imports.allow >"$folder/allowed"
    grep -vxEf "$folder/allowed" "$folder/imports" >"$folder/forbidden"
    same "imports that tests/abi/imports.allow does not name" "$folder/none" "$folder/forbidden"
else
    echo "left out: what the library imports (not with sanitizers)"
fi

# An init function of a release never writes past the struct of that release.
version=$(sh $here/newest.sh include $here)
if [ -n "$version" ]; then
    also sh $here/inits.sh "$build" "$version"
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
