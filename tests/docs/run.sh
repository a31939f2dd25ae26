#!/bin/sh
# Every block of the pages is compiled or run (blocks.py), what they name is there (promises.py), the
# tables of the stored format are those of the library (format.py), pages link to what is there, every
# name of the closed lists is explained in its page, and everything in the public headers has a
# comment (reference.sh).
# usage: run.sh BUILD   (CC, SANITIZE, LIB_LIBS as the Makefile sets them)
build=$1
LIB_LIBS=${LIB_LIBS:-$(pkg-config --libs libcjson) -lm}
folder=$build/docs-links
rm -rf "$folder"
mkdir -p "$folder" || exit 1
passed=0
failed=0

# count PROGRAM: adds the figures of its last line, "N passed, N failed".
count() {
    "$@" >"$folder/log" 2>&1
    grep -v '[0-9] passed, [0-9]* failed' "$folder/log"
    figures=$(sed -n '$s/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$folder/log")
    [ -n "$figures" ] || figures="0 1"
    passed=$((passed + ${figures% *}))
    failed=$((failed + ${figures#* }))
}

count sh tests/docs/reference.sh "$build"
if python3 -c 'import sys, dataclasses, sqlite3
sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
    export PYTHONDONTWRITEBYTECODE=1
    count python3 tests/docs/blocks.py "$build"
    count python3 tests/docs/promises.py "$build"
    count python3 tests/docs/format.py "$build"
else
    echo "left out: blocks of the pages but for the C programs of README.md (need Python 3.9)"
    # Block n of ```c goes to n.c; the first block of ```text that follows it to n.expected.
    awk -v folder="$folder" '
        /^```c$/ { n++; waits = 1; file = folder "/" n ".c"; next }
        /^```text$/ && waits { waits = 0; file = folder "/" n ".expected"; next }
        /^```/ { file = ""; next }
        file != "" { print > file }
        END { if (n == 0) exit 1 }' README.md || { echo "README.md has no C example"; exit 1; }
fi

for source in "$folder"/*.c; do
    grep -q 'main(' "$source" 2>/dev/null || continue
    name=${source%.c}
    if ! ${CC:-cc} -std=c11 -Wall -Wextra -Wpedantic -Werror -Iinclude \
        ${SANITIZE:+-fsanitize=$SANITIZE} "$source" "$build/lib/libperpcore.a" $LIB_LIBS -pthread \
        -o "$name"; then
        echo "$source does not compile"
        failed=$((failed + 1))
    elif ! "$name" >"$name.out"; then
        echo "$source fails and prints:"
        cat "$name.out"
        failed=$((failed + 1))
    elif [ -f "$name.expected" ] && ! diff "$name.expected" "$name.out"; then
        echo "$source prints something else than README.md says"
        failed=$((failed + 1))
    else
        passed=$((passed + 1))
    fi
done

# Relative links of the pages lead to a file.
for page in README.md docs/*.md; do
    grep -o ']([^)#:]*[)#]' "$page" | sed 's/^](//; s/[)#]$//' | sort -u >"$folder/links"
    while read -r link; do
        if [ -n "$link" ] && [ ! -e "$(dirname "$page")/$link" ]; then
            echo "$page: no $link"
            failed=$((failed + 1))
        else
            passed=$((passed + 1))
        fi
    done <"$folder/links"
done

# explained LIST PAGE: each text of an X-macro list stands as `text` in the page.
explained() {
    awk -v list="#define $1(X)" '
        index($0, list) == 1 { inside = 1 }
        inside {
            line = $0
            while (match(line, /X\([A-Za-z_]+, *([0-9]+, *)?"?[A-Za-z0-9_.-]+/)) {
                entry = substr(line, RSTART + 2, RLENGTH - 2)
                line = substr(line, RSTART + RLENGTH)
                name = entry
                sub(/,.*/, "", name)
                # The text, where the entry has one, else the identifier itself.
                if (entry ~ /"/) { sub(/.*"/, "", entry); name = entry }
                print name
            }
            if ($0 !~ /\\$/) exit
        }' include/perpcore/lists.h >"$folder/names"
    [ -s "$folder/names" ] || { echo "no list $1"; failed=$((failed + 1)); }
    while read -r name; do
        if grep -q "\`$name\`" "$2"; then passed=$((passed + 1)); else
            echo "$2 does not explain $name"
            failed=$((failed + 1))
        fi
    done <"$folder/names"
}
explained PERP_POOL_LIST docs/capital.md
explained PERP_RULE_LIST docs/risk.md
explained PERP_MODE_LIMIT_LIST docs/risk.md

# What docs/risk.md says of a rule's scope, value, sense and way out is what its row says.
if ${CC:-cc} -std=c11 -Iinclude tests/docs/rules.c -o "$folder/rules" && "$folder/rules" >"$folder/rows"; then
    tab=$(printf '\t')
    while IFS=$tab read -r start end; do
        if start=$start end=$end awk '
            index($0, ENVIRON["start"]) == 1 &&
                substr($0, length($0) - length(ENVIRON["end"]) + 1) == ENVIRON["end"] { found = 1 }
            END { exit !found }' docs/risk.md; then passed=$((passed + 1)); else
            echo "docs/risk.md has no row: $start … $end"
            failed=$((failed + 1))
        fi
    done <"$folder/rows"
else
    failed=$((failed + 1))
fi

# docs/compliance.md has the library's table of controls.
if ${CC:-cc} -std=c11 -Ilib tests/docs/controls.c -o "$folder/controls" && "$folder/controls" >"$folder/control_rows"; then
    while IFS= read -r row; do
        if grep -qxF -- "$row" docs/compliance.md; then passed=$((passed + 1)); else
            echo "docs/compliance.md has no row: $row"
            failed=$((failed + 1))
        fi
    done <"$folder/control_rows"
else
    failed=$((failed + 1))
fi
explained PERP_OTHER_REASON_LIST docs/scheduler.md
explained PERP_JOB_STATE_LIST docs/scheduler.md
explained PERP_STRATEGY_LIST docs/scheduler.md

# stands WHAT NAMES PAGE: each of the names is in the first column of a table of the page.
stands() {
    awk -F '|' '/^\| *`/ { print $2 }' "$3" | grep -o '`[^`]*`' | tr -d '`' | sort -u >"$folder/known"
    [ -s "$2" ] || { echo "no $1"; failed=$((failed + 1)); }
    while read -r name; do
        if grep -qxF "$name" "$folder/known"; then passed=$((passed + 1)); else
            echo "$3 has no $1 $name"
            failed=$((failed + 1))
        fi
    done <"$2"
}
sed -n 's/^    X(\([a-z_]*\), \(true\|false\),.*/\1/p' examples/scenario.h >"$folder/ops"
stands op "$folder/ops" docs/scenario.md
while read -r name; do
    grep -qxF "$name" "$folder/ops" && continue
    echo "docs/scenario.md has an op $name that is not there"
    failed=$((failed + 1))
done <"$folder/known"
# The rooms and their files stand in the page of the architecture.
for file in lib/*/*; do
    room=${file#lib/}
    name=${file##*/}
    case $name in *.[ch]) name=${name%.*} ;; esac
    if grep -q "^| \`${room%/*}\` |.* $name\( .*\)\{0,1\}|\$" docs/architecture.md; then passed=$((passed + 1)); else
        echo "docs/architecture.md does not say where $file is"
        failed=$((failed + 1))
    fi
done
# What help and pages call a suite is a folder of tests/, and the targets of make help are there.
sed -n 's/^make \([a-z][a-z-]*\) .*/\1/p; s/^ *make \([a-z-]*\) writes.*/\1/p' .make/help.mk |
    sort -u >"$folder/targets"
[ -s "$folder/targets" ] || { echo "make help names no target"; failed=$((failed + 1)); }
while read -r target; do
    if grep -qE "^([a-z-]+ )*$target( [a-z-]+)*:" Makefile .make/*.mk; then passed=$((passed + 1)); else
        echo "make help: there is no target $target"
        failed=$((failed + 1))
    fi
done <"$folder/targets"
for suite in $(sed -n 's/^TEST_SUITES := \([a-z ]*\).*/\1/p' .make/sources.mk) \
    $(cat README.md docs/*.md .make/help.mk | grep -o '\<tests/[a-z]*' | sort -u | sed 's|tests/||'); do
    if [ -d "tests/$suite" ]; then passed=$((passed + 1)); else
        echo "there is no tests/$suite, which is named"
        failed=$((failed + 1))
    fi
done

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
