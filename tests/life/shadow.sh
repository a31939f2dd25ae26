#!/bin/sh
# shadow.sh PLAIN SHADOW: two build folders; in the second a library in shadow mode. The scenarios
# print the same bytes in both; the random calls, and a random life of PERP_STEPS steps, go well in
# the second.
set -u
here=$(cd "$(dirname "$0")/.." && pwd)
plain=${1:?usage: shadow.sh PLAIN SHADOW}
shadow=${2:?usage: shadow.sh PLAIN SHADOW}
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

# check NAME STATUS [OUTPUT]
check() {
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "$1 has failed"
        [ -z "${3:-}" ] || tail -n 20 "$3" | sed 's/^/    /'
    fi
}

"$shadow/tests/life/test_life" >"$work/life" 2>&1 &
life=$!

for input in "$here"/scenarios/*.in.jsonl "$here"/scenarios/cases/*.in.jsonl; do
    "$plain/bin/perp-scenario" <"$input" >"$work/plain" 2>&1
    "$shadow/bin/perp-scenario" <"$input" >"$work/shadow" 2>&1 &&
        cmp "$work/plain" "$work/shadow" >"$work/difference" 2>&1
    check "$(basename "$input" .in.jsonl)" $? "$work/shadow"
done

for program in "$shadow"/tests/property/test_*; do
    [ -x "$program" ] || continue
    "$program" >"$work/property" 2>&1
    check "$(basename "$program")" $? "$work/property"
done

wait $life
check "the random life" $? "$work/life"
sed -n '/ ticks /p' "$work/life"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
