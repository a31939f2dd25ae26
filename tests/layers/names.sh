#!/bin/sh
# Prints the files of LIB that have one name with another; fails where there are any.
# usage: names.sh LIB
for file in "$1"/*/*; do
    printf '%s %s\n' "${file##*/}" "$file"
done | sort | awk '
    $1 == name { print before " and " $2; bad = 1 }
    { name = $1; before = $2 }
    END { exit bad }'
