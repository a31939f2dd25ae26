#!/bin/sh
# Instructions per operation under callgrind, which repeat exactly, against tests/bench/budget.txt.
# Each case runs twice, N times and 3 N times, so that what comes before cancels out. N is the third
# column of the budget, else 500.
# usage: instructions.sh PERP_BENCH
here=tests/bench
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
passed=0
failed=0

command -v valgrind >/dev/null || { echo "left out: instructions (need valgrind)"; exit 77; }

# count CASE N: the instructions of the whole run.
count() {
    valgrind --tool=callgrind --callgrind-out-file="$folder/out" "$bench" --case "$1" --count "$2" \
        >"$folder/log" 2>&1 || { cat "$folder/log" >&2; return 1; }
    sed -n 's/^summary: //p' "$folder/out"
}

bench=$1
while read -r name budget n; do
    case $name in '' | '#'*) continue ;; esac
    n=${n:-500}
    first=$(count "$name" "$n") && second=$(count "$name" $((3 * n))) || exit 1
    each=$(((second - first) / (2 * n)))
    printf '%-16s %8d of %8d instructions\n' "$name" "$each" "$budget"
    if [ "$each" -le "$budget" ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done <$here/budget.txt

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
