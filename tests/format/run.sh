#!/bin/sh
# What a store promises to later releases: kept stores of each release open and make the same book,
# from the start and from a checkpoint wherever it was made; they do so with a field added to every row; and what a build with such fields wrote is kept by one
# that does not know them.
# usage: run.sh BUILD; PERPCORE_FORMAT_ALL=1: each row alone, too, which takes long.
build=$1
here=$(dirname "$0")
passed=0
failed=0
report() {
    if [ "$1" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: $2"
    fi
}
finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
    exit
}

for release in "$here"/[0-9]*; do
    [ -d "$release" ] || continue
    "$build/tests/format/frozen" check "$release" | grep -v ' passed, '
    "$build/tests/format/frozen" check "$release" >/dev/null
    report $? "the stores of $(basename "$release")"
done
"$build/tests/format/frozen" odd >/dev/null
report $? "odd values in fields"
"$build/tests/format/frozen" prefixes >/dev/null
report $? "a checkpoint after any event"
if [ -n "$SANITIZE" ]; then
    echo "left out: rows with added fields (sanitizers find no more there)"
    finish
fi

work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

# A copy of the sources with fields added. usage: variant NAME ONLY PRESET BUT
variant() {
    copy=$work/$1
    mkdir -p "$copy/tests" || return 1
    cp -r Makefile .make include lib "$copy" && cp -r "$here" "$copy/tests" || return 1
    for file in rows events; do
        awk -v only="$2" -v preset="$3" -v but="$4" -f "$here/add.awk" \
            "lib/core/$file.def" >"$copy/lib/core/$file.def" || return 1
    done
    # The rows that are public structs.
    for pair in FIGURES:perp_day_figures TIER:perp_tier EXCHANGE:perp_exchange_spec \
        INSTRUMENT:perp_instrument_spec; do
        case " ${2:-ROW_${pair%%:*}} " in
        *" ROW_${pair%%:*} "*) sed -i "s/^} ${pair#*:};/    uint64_t trial;\n&/" \
            "$copy"/include/perpcore/*.h ;;
        esac
    done
    (cd "$copy" && MAKEFLAGS='' make -j2 BUILD=build OPT=-O0 HARDEN=0 WERROR=0 \
        CFLAGS='-g0 -w' build/tests/format/frozen) >"$copy/log" 2>&1 || {
        tail -n 20 "$copy/log"
        return 1
    }
}

opens_all() {
    for release in "$here"/[0-9]*; do
        [ -d "$release" ] || continue
        "$work/$1/build/tests/format/frozen" check "$release" >"$work/out" || {
            cut -c 1-200 "$work/out"
            return 1
        }
    done
}

variant added "" 0 ""
report $? "a build with a field added to every row"
opens_all added
report $? "kept stores with a field added to every row"

# Written everywhere, for what the book makes is not the field's default.
mkdir "$work/0"
if "$build/tests/format/frozen" make "$work/0" 2>&1 | grep -q 'needs SQLite'; then
    echo "left out: stores between builds (the library has none)"
    finish
fi
variant written "" 7 ""
report $? "a build that writes a field more in every row"
mkdir "$work/1" "$work/2" "$work/3" "$work/4"
new=$work/written/build/tests/format/frozen
"$new" make "$work/1" && "$new" seal "$work/1" "$work/2"
report $? "a store of the build with more fields"
"$build/tests/format/frozen" seal "$work/2" "$work/3"
report $? "that store, in a build that does not know the fields"
"$new" seal "$work/3" "$work/4"
report $? "what that build wrote, in the one with more fields"

if [ "$PERPCORE_FORMAT_ALL" = 1 ]; then
    for row in $(sed -n 's/^#define PERP_\(\(ROW\|EV\)_[A-Z_]*\)(F).*/\1/p' \
        lib/core/rows.def lib/core/events.def); do
        rm -rf "$work/one"
        variant one "$row" 0 "" && opens_all one
        report $? "a field added to $row"
    done
fi
finish
