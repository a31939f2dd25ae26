#!/bin/sh
# The console under load: its metrics are clean Prometheus text, and reading the state at full speed leaves
# the time of a round of decisions (p99) within twice the quiet one. usage: load.sh BIN_DIR
# Needs curl; promtool and wrk where they are there (else that part is left out).
bin=${1:-build/bin}
work=$(mktemp -d) || exit 1
port=$((20000 + $$ % 20000))
url=http://127.0.0.1:$port
passed=0
failed=0
tell() {
    if [ "$1" = 0 ]; then
        passed=$((passed + 1))
        echo "ok     $2"
    else
        failed=$((failed + 1))
        echo "FAILED $2"
    fi
}

umask 077
od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$work/token"
token=$(cat "$work/token")
"$bin/perpcore-console" --listen "127.0.0.1:$port" --token-file "$work/token" --speed 50 \
    >"$work/log" 2>&1 &
console=$!
trap 'kill "$console" 2>/dev/null; wait "$console" 2>/dev/null; rm -rf "$work"' EXIT
metrics() {
    curl -sf -m 5 -H "Authorization: Bearer $token" "$url/metrics"
}
for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    metrics >"$work/first" && break
    sleep 1
done
[ -s "$work/first" ]
tell $? "the console answers (try $try)"

if command -v promtool >/dev/null 2>&1; then
    promtool check metrics <"$work/first" >"$work/promtool" 2>&1 && [ ! -s "$work/promtool" ]
    tell $? "promtool finds nothing in the metrics"
    cat "$work/promtool"
else
    echo "left out: promtool (is not installed)"
fi

# The p99 of the rounds between two readings, in seconds: linear within its bucket.
p99() {
    awk '
        match($0, /^perpcore_tick_seconds_bucket\{le="[^"]*"\}/) {
            le = substr($0, 34); sub(/".*/, "", le)
            if (FILENAME == ARGV[1]) { before[le] = $2 } else { n++; bound[n] = le; count[n] = $2 - before[le] }
        }
        END {
            wanted = 0.99 * count[n]
            for (i = 1; i <= n; i++) {
                if (count[i] < wanted) continue
                low = i > 1 ? bound[i - 1] : 0
                under = i > 1 ? count[i - 1] : 0
                high = bound[i] == "+Inf" ? 2 * low : bound[i]
                printf "%.9f\n", low + (high - low) * (wanted - under) / (count[i] - under)
                exit
            }
        }' "$1" "$2"
}

measure() {
    sleep 2
    metrics >"$work/a"
    sleep 10
    metrics >"$work/b"
    quiet=$(p99 "$work/a" "$work/b")
    wrk -t1 -c8 -d10s -H "Authorization: Bearer $token" "$url/api/monitoring/state" >"$work/wrk" 2>&1
    metrics >"$work/c"
    loaded=$(p99 "$work/b" "$work/c")
    echo "p99 of a round: quiet $quiet s, loaded $loaded s; $(grep -o 'Requests/sec.*' "$work/wrk")"
    awk -v quiet="$quiet" -v loaded="$loaded" 'BEGIN { exit !(quiet > 0 && loaded <= 2 * quiet) }'
}

if command -v wrk >/dev/null 2>&1; then
    # Three tries: the machine may be busy with others.
    measure || measure || measure
    tell $? "rounds stay within twice the quiet time while the state is read at full speed"
else
    echo "left out: reading at full speed (needs wrk)"
fi

kill "$console"
wait "$console"
tell $? "SIGTERM ends it cleanly"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
