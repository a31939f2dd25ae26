#!/bin/sh
# The modules of lib/ are layers, and includes and calls may only point to a layer further left:
# util -> core -> {capital, market} -> positions -> risk -> scheduler -> orders -> book ->
# {monitor, store}. No two files of lib/ have one name.
# usage: run.sh [BUILD]   (BUILD: a folder that make has filled; without it no calls are looked at)
here=tests/layers
passed=0
failed=0
# result WHAT EXPECTED FOUND
result() {
    if [ "$2" = "$3" ]; then passed=$((passed + 1)); else
        echo "$1"
        failed=$((failed + 1))
    fi
}
# refuses or allows WHAT COMMAND...: what a check makes of a mistake, or of what is right.
refuses() {
    what=$1
    shift
    if "$@" >"$folder/log" 2>&1; then found=allowed; else found=refused; fi
    result "$what was $found" refused $found
}
allows() {
    what=$1
    shift
    if "$@" >"$folder/log" 2>&1; then found=allowed; else found=refused; fi
    result "$what was $found" allowed $found
}
# good WHAT COMMAND...: the tree itself; what is wrong with it is shown.
good() {
    what=$1
    shift
    if "$@"; then found=0; else found=1; fi
    result "$what" 0 $found
}

# ---- That this test can fail -----------------------------------------------------------------------

folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/market"
include() {
    printf '%s\n' "$2" >"$folder/market/try.c"
    "$1" "$2" sh $here/includes.sh "$folder/market/try.c"
}
include allows '#include "util/num.h"'
include allows '#include "market/market.h"'
include refuses '#include "risk/risk.h"'
include refuses '#include "capital/capital.h"'
include refuses '#include "../core/core.h"'

mkdir -p "$folder/lib/util" "$folder/lib/core"
: >"$folder/lib/util/one.c"
: >"$folder/lib/core/two.c"
allows "names that are all different" sh $here/names.sh "$folder/lib"
: >"$folder/lib/core/one.c"
refuses "a name that is there twice" sh $here/names.sh "$folder/lib"

# object MODULE NAME CODE: an object of a module.
object() {
    mkdir -p "$folder/obj/$1"
    printf '%s\n' "$3" >"$folder/source.c"
    ${CC:-cc} -c "$folder/source.c" -o "$folder/obj/$1/$2.o" || exit 1
}
call() {
    rm -rf "$folder/obj"
    for module in util core capital market risk scheduler book monitor store; do
        object $module own "int perp_$module(void); int perp_$module(void) { return 1; }"
    done
    object "$2" other "int perp_$3(void), perp_x(void); int perp_x(void) { return perp_$3(); }"
    "$1" "a call from $2 to $3" sh $here/calls.sh "$folder/obj"
}
call allows core util
call allows core core
call allows monitor book
call allows store util
call allows risk elsewhere
call refuses util core
call refuses core scheduler
call refuses capital market
call refuses market capital
call refuses monitor store
call refuses store monitor
call refuses scheduler book
refuses "an object of no module" sh -c \
    'mkdir "$1/obj/other" && cp "$1/obj/util/own.o" "$1/obj/other/" && sh "$2" "$1/obj"' - \
    "$folder" $here/calls.sh
refuses "a folder without objects" sh $here/calls.sh "$folder/lib"

# ---- The library -----------------------------------------------------------------------------------

good "includes break the order of the layers" sh $here/includes.sh lib/*/*.[ch]
good "two files of lib have one name" sh $here/names.sh lib
if [ -n "$1" ]; then
    good "calls break the order of the layers" sh $here/calls.sh "$1/obj/lib" lib
else
    echo "left out: calls between layers (no build folder was given)"
fi
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
