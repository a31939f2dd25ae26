#!/bin/sh
# What stands ready in examples/monitoring: Prometheus's own tool finds nothing wrong, the rules fire
# when they should, each metric that a rule or the dashboard names is served by the console, and a
# real Prometheus that reads it tells of a kill switch that was thrown. usage: run.sh BIN_DIR
bin=${1:-build/bin}
ready=examples/monitoring
for tool in promtool prometheus curl python3; do
    command -v $tool >/dev/null || { echo "left out: monitoring (needs $tool)"; exit 77; }
done
[ -x "$bin/perpcore-console" ] || { echo "left out: monitoring (needs the console)"; exit 77; }
work=$(mktemp -d) || exit 1
port=$((20000 + $$ % 20000))
url=http://127.0.0.1:$port
prometheus=http://127.0.0.1:$((port + 1))
passed=0
failed=0
tell() {
    if [ "$1" = 0 ]; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAILED $2"
    fi
}

umask 077
cp $ready/* "$work" && cd "$work" || exit 1
od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >token
bin=$(cd "$OLDPWD" && cd "$bin" && pwd)
"$bin/perpcore-console" --listen "127.0.0.1:$port" --token-file token --speed 20 >console.log 2>&1 &
console=$!
trap 'kill $console $reader 2>/dev/null; wait 2>/dev/null; cd /; rm -rf "$work"' EXIT

promtool check config prometheus.yml >log 2>&1
tell $? "promtool check config: $(tail -n 3 log)"
promtool check rules alerts.yml >log 2>&1
tell $? "promtool check rules: $(tail -n 3 log)"
promtool test rules alerts_test.yml >log 2>&1
tell $? "promtool test rules: $(cat log)"

# The dashboard's queries, one a line, with its variables filled in.
python3 - >queries <<'EOF'
import json
for panel in json.load(open("dashboard.json"))["panels"]:
    for target in panel["targets"]:
        print(target["expr"].replace("$instance", ".*"))
EOF
tell $? "the dashboard is JSON with queries"
metrics() { curl -sf -m 5 -H "Authorization: Bearer $(cat token)" "$url/metrics" >metrics; }
for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    metrics && break
    sleep 1
done
[ -s metrics ]
tell $? "the console answers (try $try)"
for name in $(grep -ohE 'perpcore_[a-z_]+' alerts.yml queries | sort -u); do
    grep -q "^$name[{ ]" metrics
    tell $? "the console serves no $name"
done

for command in $(grep -ohE 'perpctl [a-z-]+' alerts.yml | sort -u | cut -d' ' -f2); do
    "$bin/perpctl" --help | grep -qE "^  ([a-z-]+ \\| )?$command( |\$)"
    tell $? "perpctl has no command $command"
done

# A real one, which asks each second.
sed "s/127.0.0.1:8787/127.0.0.1:$port/; s/\(_interval:\) 5s/\1 1s/" prometheus.yml >near.yml
prometheus --config.file=near.yml --storage.tsdb.path=data --log.level=error \
    --web.listen-address="${prometheus#http://}" >prometheus.log 2>&1 &
reader=$!
# query EXPRESSION: the number of series that it gives, or "bad".
query() {
    curl -s -m 5 -G "$prometheus/api/v1/query" --data-urlencode "query=$1" | python3 -c '
import json, sys
answer = json.load(sys.stdin)
print(len(answer["data"]["result"]) if answer["status"] == "success" else "bad")'
}
# soon EXPRESSION: it gives something within half a minute.
soon() {
    for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
        case $(query "$1" 2>/dev/null) in '' | bad | 0) sleep 1 ;; *) return 0 ;; esac
    done
    return 1
}
soon 'perpcore_deciding == 1'
tell $? "Prometheus reads the console: $(tail -n 3 prometheus.log)"
while read -r line; do
    case $(query "$line") in '' | bad) false ;; esac
    tell $? "the dashboard asks what is no query: $line"
done <queries
[ "$(query 'ALERTS{alertname="PerpcoreKilled"}')" = 0 ]
tell $? "a kill switch that is off is told as on"
"$bin/perpctl" kill on --url "$url" --token-file token --actor test --reason "a drill" >log 2>&1
tell $? "perpctl kill on: $(cat log)"
soon 'ALERTS{alertname="PerpcoreKilled", alertstate="firing", severity="critical"}'
tell $? "nobody is told of the kill switch"
kill $console
wait $console
soon 'ALERTS{alertname="PerpcoreUnreachable"}'
tell $? "nobody is told of a console that is gone"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
