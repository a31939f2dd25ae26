#!/bin/sh
# The modules of lib/ are layers, and an include may only point to a layer further left:
# util -> core -> {capital, market} -> positions -> risk -> scheduler -> orders -> book -> {monitor, store}.
# usage: run.sh [FILE...]   (default: all of lib/)

# Prints the includes of the files that break the order; fails where there are any.
look() {
    awk '
    BEGIN {
        n = split("util:0 core:1 capital:2 market:2 positions:3 risk:4 scheduler:5 orders:6 book:7 monitor:8 store:8", row, " ")
        for (i = 1; i <= n; i++) { split(row[i], pair, ":"); layer[pair[1]] = pair[2] }
    }
    FNR == 1 {
        n = split(FILENAME, part, "/")
        module = part[n - 1]
        if (!(module in layer)) { print FILENAME ": no such module"; bad = 1 }
    }
    /^[ \t]*#[ \t]*include[ \t]*"/ {
        split($0, quoted, "\"")
        n = split(quoted[2], path, "/")
        if (n == 1) next
        if (!(path[1] in layer) || n > 2) {
            print FILENAME ":" FNR ": " quoted[2] " is not MODULE/FILE"; bad = 1
        } else if (path[1] != module && layer[path[1]] + 0 >= layer[module] + 0) {
            print FILENAME ":" FNR ": " module " must not include " quoted[2]; bad = 1
        }
    }
    END { exit bad }' "$@"
}

if [ $# -gt 0 ]; then
    look "$@"
    exit
fi

passed=0
failed=0
result() {
    if [ "$2" = "$3" ]; then passed=$((passed + 1)); else
        echo "$1"
        failed=$((failed + 1))
    fi
}

# That this test can fail: an include to the right, to a sibling and out of lib are found.
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/market"
try() {
    printf '%s\n' "$2" >"$folder/market/try.c"
    if look "$folder/market/try.c" >/dev/null; then found=allowed; else found=refused; fi
    result "$2 was $found" "$1" "$found"
}
try allowed '#include "util/num.h"'
try allowed '#include "market/market.h"'
try refused '#include "risk/risk.h"'
try refused '#include "capital/capital.h"'
try refused '#include "../core/core.h"'

if look lib/*/*.[ch]; then found=0; else found=1; fi
result "the order of the layers is broken" 0 $found
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
