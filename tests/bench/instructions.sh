#!/bin/sh
# Instructions per operation under callgrind, which repeat exactly, against tests/bench/budget.txt:
# a line has a case, its budget, how often it is done, and how many jobs are pending. What comes
# before and after what is timed is not counted.
# usage: instructions.sh PERP_BENCH [CASE]...
here=tests/bench
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
passed=0
failed=0

command -v valgrind >/dev/null || { echo "left out: instructions (need valgrind)"; exit 77; }

# count CASE N JOBS: the instructions of N times.
count() {
    valgrind --tool=callgrind --toggle-collect=bench_timed \
        --callgrind-out-file="$folder/out" "$bench" --case "$1" --count "$2" --jobs "$3" \
        >"$folder/log" 2>&1 || { cat "$folder/log" >&2; return 1; }
    sed -n 's/^summary: //p' "$folder/out"
}

bench=$1
shift
while read -r name budget n jobs; do
    case $name in '' | '#'*) continue ;; esac
    [ $# -eq 0 ] || case " $* " in *" $name "*) ;; *) continue ;; esac
    all=$(count "$name" "$n" "${jobs:-0}") || exit 1
    each=$((all / n))
    printf '%-22s %6s %10d of %10d instructions\n' "$name" "${jobs:--}" "$each" "$budget"
    if [ "$each" -le "$budget" ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done <$here/budget.txt

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
