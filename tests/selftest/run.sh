#!/bin/sh
# What tests/run.sh makes of suites that pass, fail, crash, are left out, in part or as a whole, and
# of those that claim to have passed without having tried anything.
# usage: run.sh BUILD
folder=$1/selftest
rm -rf "$folder"
mkdir -p "$folder" || exit 1
passed=0
failed=0

# says WHAT STATUS LINE... -- SUITE...: a run of the suites ends with the status and its output has
# each line; the first is the last line of all.
says() {
    what=$1 status=$2 last=$3
    shift 3
    : >"$folder/lines"
    while [ "$1" != -- ]; do
        printf '%s\n' "$1" >>"$folder/lines"
        shift
    done
    shift
    TEST_SECONDS=${seconds:-60} sh tests/run.sh "$folder" "$@" >"$folder/out" 2>&1
    code=$?
    # How long it took is the machine's.
    sed 's/, [0-9]* s, of the processor [0-9]* s)/)/' "$folder/out" >"$folder/timeless"
    good=yes
    [ $code -eq "$status" ] || good="ends with $code"
    [ "$(tail -n 1 "$folder/timeless")" = "$last" ] || good="its last line is not \"$last\""
    while IFS= read -r line; do
        grep -qxF -- "$line" "$folder/timeless" || good="no line \"$line\""
    done <"$folder/lines"
    # Nothing that did not pass is said to be ok.
    case $last in 0\ *) grep -q '^ok' "$folder/timeless" && good="says ok" ;; esac
    if [ "$good" = yes ]; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "$what: $good"
        sed 's/^/    /' "$folder/out"
    fi
}

says "a program of Check's" 0 "3 passed, 0 failed" "ok     a (3)" -- \
    "a=echo '100%: Checks: 3, Failures: 0, Errors: 0'"
says "counts are added up" 1 "6 passed, 3 failed" "ok     a (4)" \
    "FAILED b (2 passed, 3 failed, exit 1)" -- "a=echo 4 passed, 0 failed" \
    "b=echo '60%: Checks: 5, Failures: 1, Errors: 2'; exit 1"
says "a command without figures" 0 "1 passed, 0 failed" "ok     a (1)" -- a=true
says "one that fails without figures" 1 "0 passed, 1 failed" "FAILED a (0 passed, 1 failed, exit 3)" \
    -- "a=exit 3"
says "figures that are good and a status that is not" 1 "5 passed, 1 failed" \
    "FAILED a (5 passed, 1 failed, exit 1)" -- "a=echo 5 passed, 0 failed; exit 1"
says "figures that are bad and a status that is good" 1 "5 passed, 2 failed" \
    "FAILED a (5 passed, 2 failed, exit 0)" -- "a=echo 5 passed, 2 failed"
says "a crash" 1 "0 passed, 1 failed" "FAILED a (0 passed, 1 failed, exit 139)" -- \
    'a=kill -s SEGV $$'
seconds=1 says "one that does not end" 1 "0 passed, 1 failed" \
    "FAILED a (0 passed, 1 failed, exit 124)" -- "a=sleep 20"
says "what a suite that fails has said is shown" 1 "0 passed, 1 failed" "    why" -- \
    "a=echo why; exit 1"

says "left out as a whole" 0 "0 passed, 0 failed, left out: Rust" \
    "left out a: Rust (needs rustc)" -- "a=echo 'left out: Rust (needs rustc)'; exit 77"
says "with figures of nothing, too" 0 "0 passed, 0 failed, left out: C++" \
    "left out a: C++ (needs g++)" -- "a=echo 'left out: C++ (needs g++)'; echo 0 passed, 0 failed; exit 77"
says "left out in part" 0 "2 passed, 0 failed, left out: CMake, man pages" \
    "ok     a (2); left out: CMake (needs cmake); man pages (needs man)" -- \
    "a=echo 'left out: CMake (needs cmake)'; echo 'left out: man pages (needs man)'
       echo 2 passed, 0 failed"
says "the same left out twice is named once" 0 "2 passed, 0 failed, left out: C++, Rust" -- \
    "a=echo 'left out: C++ (needs g++)'; echo 1 passed, 0 failed" \
    "b=echo 'left out: Rust (needs rustc)'; exit 77" \
    "c=echo 'left out: C++ (has no c++)'; echo 1 passed, 0 failed"
says "a failure beside what is left out" 1 "1 passed, 1 failed, left out: C++" \
    "FAILED a (1 passed, 1 failed, exit 1)" -- \
    "a=echo 'left out: C++ (needs g++)'; echo 1 passed, 1 failed; exit 1"
says "77 without a word" 1 "0 passed, 1 failed" "FAILED a (0 passed, 1 failed, exit 77)" -- \
    "a=exit 77"
says "77 after tests have run" 1 "3 passed, 1 failed, left out: C++" \
    "FAILED a (3 passed, 1 failed, exit 77)" -- \
    "a=echo 'left out: C++ (needs g++)'; echo 3 passed, 0 failed; exit 77"
says "no test ran, and nothing is said of it" 1 "0 passed, 1 failed" \
    "FAILED a (0 passed, 1 failed, exit 0)" -- "a=echo '100%: Checks: 0, Failures: 0, Errors: 0'"
says "nothing of a suite ran, which does not say so by its status" 1 \
    "0 passed, 1 failed, left out: C++" "FAILED a (0 passed, 1 failed, exit 0)" -- \
    "a=echo 'left out: C++ (needs g++)'; echo 0 passed, 0 failed"

# ---- Several at once -----------------------------------------------------------------------------

export CHECK_JOBS=8
says "one that fails among others, one left out, one that says nothing" 1 \
    "10 passed, 2 failed, left out: Rust" "ok     a (4)" "FAILED b (2 passed, 1 failed, exit 1)" \
    "    why" "left out c: Rust (needs rustc)" "ok     d (1)" "ok     e/f (3)" \
    "FAILED g (0 passed, 1 failed, exit 139)" -- \
    "a=echo 4 passed, 0 failed" "b=echo why; echo 2 passed, 1 failed; exit 1" \
    "c=echo 'left out: Rust (needs rustc)'; exit 77" d=true \
    "e/f=sleep 0.2; echo '100%: Checks: 3, Failures: 0, Errors: 0'" 'g=kill -s SEGV $$'
says "what is left out is named in their order" 0 "1 passed, 0 failed, left out: C++, Rust" -- \
    "a=sleep 0.3; echo 'left out: C++ (needs g++)'; echo 1 passed, 0 failed" \
    "b=echo 'left out: Rust (needs rustc)'; exit 77"
# Each waits for what the other makes.
says "two run at once" 0 "2 passed, 0 failed" "ok     a (1)" "ok     b (1)" -- \
    "a=: >$folder/a; until [ -e $folder/b ]; do sleep 0.1; done" \
    "b=: >$folder/b; until [ -e $folder/a ]; do sleep 0.1; done"
# A folder can be made by one only. The first of those that run at once ends last.
busy="mkdir $folder/busy && sleep 0.1 && rmdir $folder/busy"
says "those that must are alone" 0 "5 passed, 0 failed" -- \
    "a=sleep 0.5; : >$folder/ended" b=true \
    --alone "c=[ -e $folder/ended ] && $busy" "d=$busy" "e=$busy"
says "those in pairs come between them" 0 "4 passed, 0 failed" -- \
    "a=sleep 0.3; : >$folder/all_ended" \
    --pairs "b=[ -e $folder/all_ended ] && : >$folder/b2; until [ -e $folder/c2 ]; do sleep 0.1; done" \
    "c=[ -e $folder/all_ended ] && : >$folder/c2; until [ -e $folder/b2 ]; do sleep 0.1; done" \
    --alone "d=[ -e $folder/c2 ] && $busy"
says "none but those that must be alone" 0 "1 passed, 0 failed" "ok     a (1)" -- --alone a=true
CHECK_JOBS=1 says "one at a time, in their order" 0 "3 passed, 0 failed" -- \
    "a=$busy && : >$folder/first" "b=[ -e $folder/first ] && $busy && : >$folder/second" \
    "c=[ -e $folder/second ] && $busy"
CHECK_JOBS=1 says "nor in pairs" 0 "2 passed, 0 failed" -- --pairs "a=$busy" "b=$busy"
# The shell that would have told how a ended is killed, and no other suite is started.
CHECK_JOBS=1 says "the runner is stopped" 1 "0 passed, 3 failed" \
    "FAILED: 3 suites have not run to their end" -- \
    'a=read -r pid name state parent rest </proc/$PPID/stat; kill -s KILL $parent' b=true \
    --alone c=true

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
