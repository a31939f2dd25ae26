#!/bin/sh
# run.sh BIN_DIR: every scenario of this folder and of cases through BIN_DIR/perp-scenario, twice:
# the answers are the expected ones and both runs give the same bytes. Those of the folder store are
# run with a store, where the library has one. Then lines that are no scenario at all.
set -u
here=$(cd "$(dirname "$0")" && pwd)
bin=${1:?usage: run.sh BIN_DIR}/perp-scenario
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

# Ends a case: passed, unless fail was called since the last.
bad=0
fail() {
    echo "scenarios: $*"
    bad=1
}
case_ends() {
    if [ "$bad" -eq 0 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    bad=0
}

# shellcheck disable=SC2046 # the flags are words
${CC:-cc} -std=c11 -D_POSIX_C_SOURCE=200809L $(pkg-config --cflags libcjson) \
    "$here/compare.c" -o "$work/compare" $(pkg-config --libs libcjson) -lm || exit 2
[ -x "$bin" ] || {
    echo "scenarios: $bin is missing" >&2
    exit 2
}

set -- "$here"/*.in.jsonl "$here"/cases/*.in.jsonl
if printf '{"op":"check"}\n' | "$bin" --store "$work/probe.db" >"$work/answers" 2>&1; then
    set -- "$@" "$here"/store/*.in.jsonl
else
    echo "left out: scenarios with a store (the library has none)"
fi
# run INPUT FILE NAME: in a book of its own, with a store NAME where the scenario wants one.
run() {
    case $1 in
    */store/*) "$bin" --store "$work/$3.db" <"$1" >"$2" ;;
    *) "$bin" <"$1" >"$2" ;;
    esac
}

for input in "$@"; do
    name=$(basename "$input" .in.jsonl)
    run "$input" "$work/first" "$name-1" || fail "$name: exit status $?"
    run "$input" "$work/second" "$name-2" || fail "$name: exit status $? at the second run"
    cmp -s "$work/first" "$work/second" || fail "$name: two runs differ"
    difference=$("$work/compare" "${input%.in.jsonl}.out.jsonl" "$work/first") ||
        fail "$name: $difference"
    case_ends
done

# Hostile lines: each is answered, with PERP_E_INVALID.
repeat() { # repeat TEXT COUNT
    awk -v text="$1" -v n="$2" 'BEGIN { for (i = 0; i < n; i++) printf "%s", text }'
}
{
    printf '{"op":"exchange","name":"a"\n'
    printf '\000\n'
    printf '{"op":"check"}\000\n'
    printf '{"op":"ch\000eck"}\n'
    printf '\377\376{"op":"check"}\n'
    printf '{"op":"\300\200"}\n'
    printf '{"op":"mode","mode":"\355\240\200"}\n'
    printf '{"op":"check"} {"op":"check"}\n'
    printf '{"op":"check","op":"check"}\n'
    printf '{"op":"check","t":1,"t":2}\n'
    printf '{"op":"check","t":1.5}\n'
    printf '{"op":"check","t":"1"}\n'
    printf '{"op":"check","t":NaN}\n'
    printf '{"op":"check","actor":"a"}\n'
    printf '{"Op":"check"}\n'
    printf 'true\n'
    repeat '[' 100000 && printf '\n'
    repeat '{"op":' 100000 && printf '\n'
    printf '{"op":"' && repeat 'x' 10000000 && printf '"}\n'
    printf '{"op":"check","t":' && repeat '9' 10000000 && printf '}\n'
    repeat 'x' 10000000 && printf '\n'
    printf '{"op":"tick","outcomes":{' && repeat '"a":"refused",' 200000 && printf '"b":"x"}}\n'
    awk 'BEGIN { srand(7); for (l = 0; l < 200; l++) { n = int(rand() * 200) + 1; printf "x"
        for (i = 0; i < n; i++) { c = int(rand() * 255) + 1; printf "%c", c == 10 ? 11 : c }
        print "" } }'
    head -n 1 "$here/jobs-301.in.jsonl" |
        awk '{ for (i = 1; i < length($0); i += 7) print substr($0, 1, i) }'
    printf '{"op":"check"'
} >"$work/hostile"
lines=$(awk 'END { print NR }' "$work/hostile")
"$bin" <"$work/hostile" >"$work/answers" || fail "hostile lines: exit status $?"
good=$(grep -c '^{"ok":false,"error":"PERP_E_INVALID",' "$work/answers")
[ "$good" -eq "$lines" ] || fail "hostile lines: $good of $lines were answered with PERP_E_INVALID"
case_ends

printf '\n  \t\r\n# a comment\n' | "$bin" >"$work/answers" || fail "blank lines: exit status $?"
[ -s "$work/answers" ] && fail "blank lines and comments were answered"
case_ends
"$bin" --colour </dev/null >"$work/answers" 2>&1
[ $? -eq 2 ] || fail "an unknown option does not end with 2"
case_ends

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
