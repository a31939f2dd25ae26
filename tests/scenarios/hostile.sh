#!/bin/sh
# hostile.sh BIN_DIR: perp-scenario on input that is no scenario: random bytes, lines cut at every
# place, a line of 10 MB, deep nesting. One answer a line, status 0, and the book still works after.
set -u
here=$(cd "$(dirname "$0")" && pwd)
bin=${1:?usage: hostile.sh BIN_DIR}/perp-scenario
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

# answered NAME FILE: as many answers as lines that are neither blank nor a comment, and a check
# after them that finds the book sound. All else is the runner's to say.
answered() {
    { cat "$2" && printf '\n{"op":"check"}\n'; } >"$work/in"
    "$bin" <"$work/in" >"$work/out" 2>"$work/err"
    code=$?
    # Lines of nothing but blanks, tabs and carriage returns are skipped, and those that start
    # with #; tr makes bytes of any kind countable.
    want=$(LC_ALL=C tr '\000-\010\013\014\016-\037\200-\377' 'x' <"$work/in" |
        LC_ALL=C awk '!/^#/ && !/^[ \t\r]*$/ { n++ } END { print n + 0 }')
    got=$(awk 'END { print NR }' "$work/out")
    odd=$(LC_ALL=C grep -c -v '^{"ok":\(true\|false\)' "$work/out")
    last=$(tail -n 1 "$work/out" | cut -c1-80)
    sound=$(tail -n 1 "$work/out" | grep -c '^{"ok":true,"hash":"')
    if [ "$code" -eq 0 ] && [ "$got" -eq "$want" ] && [ "$odd" -eq 0 ] && [ "$sound" -eq 1 ]; then
        passed=$((passed + 1))
    else
        echo "hostile: $1: status $code, $got answers to $want lines, $odd of them odd; last: $last"
        tail -n 3 "$work/err"
        failed=$((failed + 1))
    fi
}

# repeat TEXT TIMES, on one line
repeat() {
    awk -v text="$1" -v times="$2" 'BEGIN { for (i = 0; i < times; i++) printf "%s", text }'
}

# Bytes of a seeded generator, so that a failure comes again.
for seed in 1 2 3; do
    LC_ALL=C awk -v seed="$seed" 'BEGIN { srand(seed)
        for (i = 0; i < 60000; i++) printf "%c", int(rand() * 255) + 1 }' >"$work/bytes"
    answered "random bytes, seed $seed" "$work/bytes"
done
dd if=/dev/zero of="$work/zeros" bs=1000 count=100 2>/dev/null
answered "zero bytes" "$work/zeros"

# Every prefix of a line of each kind.
head -n 60 "$here/jobs-301.in.jsonl" | awk 'NR % 6 == 1 {
    n = length($0) > 400 ? 400 : length($0)
    for (i = 1; i < n; i++) print substr($0, 1, i) }' >"$work/cut"
answered "lines cut short" "$work/cut"

# A scenario with bytes changed here and there, and one with its lines in two halves.
LC_ALL=C awk 'BEGIN { srand(4) } NR <= 400 { k = int(rand() * length($0)) + 1
    print substr($0, 1, k - 1) sprintf("%c", 33 + int(rand() * 90)) substr($0, k + 1) }' \
    "$here/jobs-301.in.jsonl" >"$work/changed"
answered "changed bytes" "$work/changed"
awk 'NR <= 200 { k = int(length($0) / 2); print substr($0, 1, k); print substr($0, k + 1) }' \
    "$here/jobs-302.in.jsonl" >"$work/halves"
answered "halved lines" "$work/halves"

{ printf '{"op":"exchange","name":"' && repeat xxxxxxxxxx 1000000 && printf '"}\n'; } >"$work/long"
answered "a name of 10 MB" "$work/long"
{ printf '{"op":"submit","job":{"legs":[' && repeat '{"exchange":"a"},' 600000 &&
    printf '{}]}}\n'; } >"$work/legs"
answered "600,000 legs" "$work/legs"
repeat 1234567890 1000000 >"$work/digits"
answered "10 MB of digits" "$work/digits"

for open in '[' '{"a":' '{"op":"submit","job":' '[{"x":['; do
    { repeat "$open" 200000 && printf '\n'; } >"$work/deep"
    answered "200,000 times $open" "$work/deep"
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
