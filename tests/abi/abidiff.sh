#!/bin/sh
# abidiff (Debian: abigail-tools) compares the built library with the committed description of the
# last release: a second opinion from the debug information, where check.sh reads the headers.
# usage: abidiff.sh LIBRARY INCLUDE MAP FOLDER [LISTS]
library=$1
include=$2
map=$3
folder=$4
here=$(dirname "$0")
lists=${5:-$here}
# left_out WHY: there is nothing to compare, or nothing to compare with.
left_out() {
    echo "left out: abidiff ($1)"
    exit 77
}
command -v abidiff >/dev/null || left_out "needs Debian's abigail-tools"
version=$(sh "$here/newest.sh" "$include" "$lists")
[ -n "$version" ] || left_out "no released description: nothing of this major version was released"

# Allowed: whatever the public headers do not define; fields at the end of structs that may grow
# (that the others stay is looked at by check.sh); a greater ..._COUNT.
sh "$here/describe.sh" "$include" "$map" "$folder" || exit 1
sh "$here/table.sh" "Structs that never grow" >"$folder/fixed"
awk -F '\t' -v fixed="$(cat "$folder/fixed")" '
    BEGIN {
        n = split(fixed, names, /[ \n]+/)
        for (i = 1; i <= n; i++) is_fixed[names[i]] = 1
    }
    $1 == "struct" {
        tag = $2
        name = $3
        public = public bar tag
        bar = "|"
    }
    $1 == "field" && $3 == "struct_size" && !(name in is_fixed) { growing = growing "|" tag }
    $1 == "enumerator" && $3 ~ /_COUNT$/ { counts = counts comma $3; comma = ", " }
    END {
        print "[suppress_type]\ntype_kind = struct\nname_not_regexp = ^(" public ")$\n"
        print "[suppress_type]\ntype_kind = struct\nname_regexp = ^(" substr(growing, 2) ")$"
        print "has_data_member_inserted_at = end\n"
        print "[suppress_type]\ntype_kind = enum\nchanged_enumerators = " counts
    }' "$folder/declared" >"$folder/allowed.suppr"

# 0: nothing but what is allowed. Additions are listed and do not count.
abidiff --suppressions "$folder/allowed.suppr" "$lists/perpcore-$version.abi" "$library" |
    grep '^ *\[A\]'
if abidiff --no-added-syms --suppressions "$folder/allowed.suppr" "$lists/perpcore-$version.abi" \
    "$library" >"$folder/abidiff.out" 2>&1; then
    echo "1 passed, 0 failed"
else
    echo "abidiff since $version:"
    cat "$folder/abidiff.out"
    echo "0 passed, 1 failed"
    exit 1
fi
