#!/bin/sh
# Runs the fuzz targets of a build folder with libFuzzer, one after the other, for so many seconds in
# all. usage: run.sh BUILD SECONDS TARGET...
# Each works on a copy of its corpus, BUILD/corpus/TARGET; what it finds is kept as
# BUILD/TARGET-crash-… and the like. Ends with 1 where one has found something.
set -u
build=${1:?usage: run.sh BUILD SECONDS TARGET...}
seconds=${2:?usage: run.sh BUILD SECONDS TARGET...}
shift 2
[ $# -gt 0 ] || exit 2
each=$((seconds / $#))
[ $each -gt 0 ] || each=1
failed=0
for target in "$@"; do
    echo "$target: $each s"
    own=$build/corpus/$target
    mkdir -p "$own"
    # What the console and the checks of a call print belongs to what they are asked.
    "$build/tests/fuzz/$target" -artifact_prefix="$build/$target-" -max_total_time=$each \
        -timeout=30 -print_final_stats=1 "$own" "tests/fuzz/corpus/${target#fuzz_}" || failed=1
done
exit $failed
