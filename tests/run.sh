#!/bin/sh
# Runs test suites one after the other and adds up their results.
# usage: run.sh BUILD NAME=COMMAND...
# A suite's tests are counted from Check's summary or from a last "N passed, N failed"; one that
# prints neither counts as one test. A suite that fails adds at least one failure; its output is
# shown.
# What could not be tried is said by lines "left out: WHAT (WHY)": a suite that ends with 77 has
# tried nothing and is left out as a whole, another one in part. A suite that tried nothing and does
# not say so has failed.
# The last line of all is "N passed, N failed"; where something was left out, it goes on with
# ", left out: WHAT, WHAT".
build=$1
shift
mkdir -p "$build/logs" || exit 1
missed=""
newline='
'
passed=0
failed=0
for test in "$@"; do
    name=${test%%=*}
    command=${test#*=}
    log=$build/logs/$(echo "$name" | tr / _).log
    start=$(date +%s)
    timeout "${TEST_SECONDS:-1200}" sh -c "$command" >"$log" 2>&1 </dev/null
    code=$?
    # shellcheck disable=SC2046 # three words are wanted
    set -- $(awk '
        /^[0-9]+%: Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+$/ {
            gsub(/[^0-9 ]/, ""); ok += $2 - $3 - $4; bad += $3 + $4; seen = 1; next
        }
        /^[0-9]+ passed, [0-9]+ failed$/ { ok += $1; bad += $3; seen = 1 }
        END { print ok + 0, bad + 0, seen + 0 }' "$log")
    ok=$1 bad=$2 seen=$3
    sed -n 's/^left out: //p' "$log" >"$log.left-out"
    missed=$missed$newline$(sed 's/ (.*//' "$log.left-out")
    why=$(awk 'NR > 1 { printf "; " } { printf "%s", $0 }' "$log.left-out")
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
    took=$(($(date +%s) - start))
    if [ $whole = yes ]; then
        echo "left out $name: $why"
    elif [ "$bad" -eq 0 ]; then
        echo "ok     $name ($ok, $took s)${why:+; left out: $why}"
    else
        [ "$code" -eq 124 ] && echo "stopped after $took s" >>"$log"
        sed -e '/^[0-9]* passed, [0-9]* failed$/d' -e 's/^/    /' "$log" | tail -n 60
        echo "FAILED $name ($ok passed, $bad failed, exit $code)"
    fi
    rm -f "$log.left-out"
done
missing=$(echo "$missed" | awk 'NF && !seen[$0]++ { printf "%s%s", comma, $0; comma = ", " }')
echo "$passed passed, $failed failed${missing:+, left out: $missing}"
[ "$failed" -eq 0 ]
