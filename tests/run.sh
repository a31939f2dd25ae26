#!/bin/sh
# Runs test suites, several at once, and adds up their results.
# usage: run.sh BUILD NAME=COMMAND... [--pairs NAME=COMMAND...] [--alone NAME=COMMAND...]
# As many as CHECK_JOBS says run at once, else as many as there are processors, started in the order
# given. When they have ended, those behind --pairs run two at a time at most, and then those behind
# --alone one after the other.
# A suite's tests are counted from Check's summary or from a last "N passed, N failed"; one that
# prints neither counts as one test. A suite that fails adds at least one failure; its output is
# shown. One that does not end within TEST_SECONDS is stopped.
# What could not be tried is said by lines "left out: WHAT (WHY)": a suite that ends with 77 has
# tried nothing and is left out as a whole, another one in part. A suite that tried nothing and does
# not say so has failed.
# The last line of all is "N passed, N failed"; where something was left out, it goes on with
# ", left out: WHAT, WHAT".
logs=$1/logs
shift
mkdir -p "$logs" || exit 1
export TEST_SECONDS="${TEST_SECONDS:-1800}"

log_of() { echo "$logs/$(echo "$1" | tr / _).log"; }

# run JOBS: runs the suites that it reads, each with a zero byte behind it, and prints a line when
# one has ended: its status, how long it took, how long it used a processor, its name.
run() {
    # shellcheck disable=SC2016 # for the shell of the suite
    xargs -0 -r -n 1 -P "$1" sh -c '
        name=${2%%=*}
        start=$(date +%s)
        timeout "$TEST_SECONDS" sh -c "${2#*=}" >"$1/$(echo "$name" | tr / _).log" 2>&1 </dev/null
        code=$?
        times >"$1/times.$$"
        used=$(awk "NR == 2 { split(\$1 \"m\" \$2, t, /[ms]+/)
            printf \"%.0f\", t[1] * 60 + t[2] + t[3] * 60 + t[4] }" "$1/times.$$")
        rm "$1/times.$$"
        echo "$code $(($(date +%s) - start)) $used $name"' suite "$logs"
}

# report SUITES: reads what run prints, and says what came of so many suites.
report() {
    passed=0
    failed=0
    waits=$1
    while read -r code took used name; do
        waits=$((waits - 1))
        log=$(log_of "$name")
        # shellcheck disable=SC2046 # three words are wanted
        set -- $(awk '
            /^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+$/ {
                gsub(/[^0-9 ]/, ""); ok += $2 - $3 - $4; bad += $3 + $4; seen = 1; next
            }
            /^[0-9]+ passed, [0-9]+ failed$/ { ok += $1; bad += $3; seen = 1 }
            END { print ok + 0, bad + 0, seen + 0 }' "$log")
        ok=$1 bad=$2 seen=$3
        why=$(sed -n 's/^left out: //p' "$log" | awk 'NR > 1 { printf "; " } { printf "%s", $0 }')
        whole=no
        if [ "$code" -eq 77 ] && [ "$ok" -eq 0 ] && [ "$bad" -eq 0 ] && [ -n "$why" ]; then
            whole=yes
        elif [ "$code" -ne 0 ] && [ "$bad" -eq 0 ]; then
            bad=1
        elif [ "$seen" -eq 0 ]; then
            ok=1
        elif [ "$ok" -eq 0 ] && [ "$bad" -eq 0 ]; then
            bad=1
            echo "no test has run, and the suite does not end with 77" >>"$log"
        fi
        passed=$((passed + ok))
        failed=$((failed + bad))
        if [ $whole = yes ]; then
            echo "left out $name: $why"
        elif [ "$bad" -eq 0 ]; then
            echo "ok     $name ($ok, $took s, of the processor $used s)${why:+; left out: $why}"
        else
            [ "$code" -eq 124 ] && echo "stopped after $took s" >>"$log"
            sed -e '/^[0-9]* passed, [0-9]* failed$/d' -e 's/^/    /' "$log" | tail -n 60
            echo "FAILED $name ($ok passed, $bad failed, exit $code)"
        fi
    done
    # Whatever stopped the runner, a suite that said nothing has not passed.
    [ "$waits" -eq 0 ] || echo "FAILED: $waits suites have not run to their end"
    failed=$((failed + waits))
    # In the order of the suites, whichever ended first.
    missing=$(xargs -0 -r sed -n 's/^left out: //p' <"$logs/all" 2>/dev/null | sed 's/ (.*//' |
        awk 'NF && !seen[$0]++ { printf "%s%s", comma, $0; comma = ", " }')
    echo "$passed passed, $failed failed${missing:+, left out: $missing}"
    [ "$failed" -eq 0 ]
}

suites=0
list=$logs/together
for file in all together pairs alone; do : >"$logs/$file"; done
for suite in "$@"; do
    case $suite in
    --pairs | --alone) list=$logs/${suite#--} ;;
    *)
        log=$(log_of "${suite%%=*}")
        rm -f "$log"
        printf '%s\0' "$log" >>"$logs/all"
        printf '%s\0' "$suite" >>"$list"
        suites=$((suites + 1))
        ;;
    esac
done
at_once=${CHECK_JOBS:-$(nproc)}
{
    run "$at_once" <"$logs/together" && run $((at_once < 2 ? at_once : 2)) <"$logs/pairs" &&
        run 1 <"$logs/alone"
} | report $suites
