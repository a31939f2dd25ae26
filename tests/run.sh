#!/bin/sh
# Runs test programs one after the other and adds up their results.
# usage: run.sh BUILD NAME=COMMAND...
# A program's tests are counted from Check's summary or from a last "N passed, N failed"; one that
# prints neither counts as one test, and one that ends with 77 (having said why) as none. A program that fails adds at least one failure; its output is
# shown. The last line of all is "N passed, N failed".
build=$1
shift
mkdir -p "$build/logs" || exit 1
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
    if [ "$code" -eq 77 ]; then
        echo "-      $name ($(tail -n 1 "$log"))"
        continue
    fi
    if [ "$code" -ne 0 ] && [ "$bad" -eq 0 ]; then
        bad=1
    elif [ "$seen" -eq 0 ]; then
        ok=1
    fi
    passed=$((passed + ok))
    failed=$((failed + bad))
    took=$(($(date +%s) - start))
    if [ "$bad" -eq 0 ]; then
        echo "ok     $name ($ok, $took s)"
    else
        [ "$code" -eq 124 ] && echo "stopped after $took s" >>"$log"
        sed -e '/^[0-9]* passed, [0-9]* failed$/d' -e 's/^/    /' "$log" | tail -n 60
        echo "FAILED $name ($ok passed, $bad failed, exit $code)"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
