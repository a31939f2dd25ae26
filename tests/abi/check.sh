#!/bin/sh
# Compares what the public headers promise with the committed lists of the last release (see
# docs/versioning.md). An addition is listed; whatever would break a program fails.
# usage: check.sh INCLUDE MAP FOLDER [LISTS]   (LISTS: the folder of the committed lists)
include=$1
map=$2
folder=$3
here=$(dirname "$0")
lists=${4:-$here}
export LC_ALL=C
passed=0
failed=0

# result WHAT FILE: FILE has a line "broke: ..." for each failure.
result() {
    sed -n "s/^new: /$1, new: /p" "$2"
    if grep -q '^broke: ' "$2"; then
        failed=$((failed + 1))
        echo "$1:"
        sed -n -e 's/^broke: /    /p' -e 's/^   now: /    now: /p' "$2"
    else
        passed=$((passed + 1))
    fi
}

if ! sh "$here/describe.sh" "$include" "$map" "$folder"; then
    echo "the headers could not be described"
    echo "0 passed, 1 failed"
    exit 1
fi

sh "$here/table.sh" "Structs that never grow" >"$folder/fixed"
awk -F '\t' -v fixed="$(cat "$folder/fixed")" -f "$here/structs.awk" "$folder/declared" \
    >"$folder/structs.out"
result "structs" "$folder/structs.out"

version=$(sh "$here/newest.sh" "$include" "$lists")
[ -n "$version" ] || echo "left out: no released description: nothing of this major version was released"
for list in ${version:+symbols values layout}; do
    committed=$lists/$list-$version.txt
    if [ $list = layout ] && ! head -n 1 "$committed" | cmp -s -n 13 - "$folder/layout"; then
        echo "left out: the committed layout is that of machines with 64-bit pointers"
        continue
    fi
    awk -v list=$list -v fixed="$(cat "$folder/fixed")" -f "$here/compare.awk" \
        "$committed" "$folder/$list" >"$folder/$list.out"
    result "$list since $version" "$folder/$list.out"
done

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
