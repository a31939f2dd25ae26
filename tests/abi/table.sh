#!/bin/sh
# Prints the names in the first column of a table of docs/versioning.md, sorted, on one line.
# usage: table.sh HEADING
awk -v title="$1" '
    /^#/ { inside = index($0, title) > 0 }
    inside && /^\| `/ {
        split($0, columns, "|")
        n = split(columns[2], names, "`")
        for (i = 2; i <= n; i += 2) print names[i]
    }' "$(dirname "$0")/../../docs/versioning.md" | LC_ALL=C sort | tr '\n' ' '
