#!/bin/sh
# What the built library exports and imports.
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

sh $here/exports.sh >"$folder/headers"
sed -n '/global:/,/local:/s/^ *\(perp_[a-z0-9_]*\);$/\1/p' lib/perpcore.map | sort >"$folder/map"
same "the functions marked PERP_API and those in lib/perpcore.map" "$folder/headers" "$folder/map"

nm -D --defined-only "$shared" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort \
    >"$folder/exported"
same "lib/perpcore.map and what the library exports" "$folder/map" "$folder/exported"

# The symbols that the archive shows to a static host must not collide with the host's.
nm -g --defined-only "$build/lib/libperpcore.a" | awk 'NF == 3 && $3 !~ /^(perp_|__odr_asan)/ { print $3 }' \
    >"$folder/foreign"
: >"$folder/none"
same "symbols of the archive without the prefix perp_" "$folder/none" "$folder/foreign"

echo libperpcore.so.0 >"$folder/soname"
objdump -p "$shared" | awk '$1 == "SONAME" { print $2 }' >"$folder/soname.found"
same "SONAME" "$folder/soname" "$folder/soname.found"

# No thread is started, no clock read, no socket opened: the library can only call what is listed.
if [ -z "$SANITIZE" ]; then
    nm -D --undefined-only "$shared" | awk '{ sub(/@.*/, "", $2); print $2 }' | sort \
        >"$folder/imports"
    sed -e 's/ *#.*//' -e '/^$/d' -e 's/\*$/.*/' $here/imports.allow >"$folder/allowed"
    grep -vxEf "$folder/allowed" "$folder/imports" >"$folder/forbidden"
    same "imports that tests/abi/imports.allow does not name" "$folder/none" "$folder/forbidden"
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
