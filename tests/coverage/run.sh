#!/bin/sh
# What of lib/ the tests run. usage: run.sh BUILD NAME=COMMAND...
# BUILD was compiled by clang with -fprofile-instr-generate -fcoverage-mapping; the suites are those
# of tests/run.sh. Prints lines and branches of each folder of lib/, and fails where a suite does, or
# where less than LINES and BRANCHES percent of all were run. What was not is in
# BUILD/coverage/missed, with the places.
set -u
build=${1:?usage: run.sh BUILD NAME=COMMAND...}
shift
lines=${LINES_AT_LEAST:-97}
branches=${BRANCHES_AT_LEAST:-90}
out=$build/coverage
rm -rf "$out"
mkdir -p "$out/profiles" || exit 2
# Each program has four files that its processes add to; most tests are a process of their own.
LLVM_PROFILE_FILE=$(cd "$out/profiles" && pwd)/%4m.profraw
export LLVM_PROFILE_FILE

PERP_CALLS=${PERP_CALLS:-20000} PERP_STEPS=${PERP_STEPS:-10000} \
    PERP_FAULTS_EVERY=${PERP_FAULTS_EVERY:-8} sh tests/run.sh "$build" "$@"
suites=$?

library=$build/lib/libperpcore.so
llvm-profdata merge -sparse "$out"/profiles/*.profraw -o "$out/all.profdata" || exit 2
llvm-cov report "$library" -instr-profile="$out/all.profdata" lib >"$out/report" || exit 2
llvm-cov show "$library" -instr-profile="$out/all.profdata" -show-branches=count \
    -show-expansions=0 lib >"$out/source" || exit 2

# Columns of a report: file; regions, functions, lines, branches: each how many, missed, percent.
awk -v least_lines="$lines" -v least_branches="$branches" '
    function percent(all, missed) { return all == 0 ? 100 : 100 * (all - missed) / all }
    function say(name, l, ml, b, mb) {
        printf "%-12s %6d of %6d lines %6.2f %%   %6d of %6d branches %6.2f %%\n", name, l - ml, l,
            percent(l, ml), b - mb, b, percent(b, mb)
    }
    NF == 13 && $1 ~ /\.(c|h|def)$/ {
        folder = $1
        sub(/\/[^\/]*$/, "", folder)
        sub(/^.*lib\//, "", folder)
        if (!(folder in l)) order[n++] = folder
        l[folder] += $8; ml[folder] += $9; b[folder] += $11; mb[folder] += $12
        L += $8; ML += $9; B += $11; MB += $12
    }
    END {
        for (i = 0; i < n; i++) say(order[i], l[order[i]], ml[order[i]], b[order[i]], mb[order[i]])
        say("lib", L, ML, B, MB)
        if (L == 0 || percent(L, ML) < least_lines || percent(B, MB) < least_branches) {
            printf "less than %s %% of the lines or %s %% of the branches\n", least_lines,
                least_branches
            exit 1
        }
    }' "$out/report" && [ $suites -eq 0 ]
