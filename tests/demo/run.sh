#!/bin/sh
# The demo's day has all that positions can meet, its report says at its top what came of it, and the
# same is so for recorded markets where their files are found.
# usage: run.sh BUILD      PERPCORE_DATA=../shared/data: recorded markets
build=$1
data=${PERPCORE_DATA:-../shared/data}
replay=$build/bin/replay
folder=$build/demo-test
if [ ! -x "$replay" ]; then
    echo "left out: the demo (needs libcjson-dev)"
    exit 77
fi
rm -rf "$folder"
mkdir -p "$folder" || exit 1
export LC_ALL=C
passed=0
failed=0
ok() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    echo "$*"
}
# says WHAT PATTERN FILE: a line of it matches.
says() {
    if grep -Eq -- "$2" "$3"; then ok; else bad "$1: no line like '$2'"; fi
}
# above_0 WHAT AWK FILE: what awk prints is a number above 0.
above_0() {
    n=$(awk "$2" "$3")
    if [ -n "$n" ] && awk "BEGIN { exit !($n > 0) }"; then ok; else bad "$1: '$n'"; fi
}

# ---- A generated day -----------------------------------------------------------------------------

day=$folder/day.txt
"$replay" --quiet --html "$folder/day.html" >"$day" 2>"$folder/day.log" && ok ||
    bad "the day fails: $(cat "$folder/day.log")"
says "the day" '^The book passed its check\.$' "$day"
[ "$(sed -n 3p "$day")" = "In short" ] && ok || bad "the report does not begin with its answers"

sed '/^Jobs by end/,$d' "$day" >"$folder/short"
says "earned" '^  Earned  -?[0-9.]+ USD after fees: -?[0-9.]+ before them, fees [0-9.]+;' \
    "$folder/short"
says "refused" '^  Refused  jobs met a reason not to run [1-9][0-9]* times' "$folder/short"
says "example" '^    For example at ..:..:.., [0-9.]+ USD: (buy|sell) .* at a cost of .* bps; refused for' \
    "$folder/short"
says "naked" '^  Naked  [1-9][0-9]* times, [1-9][0-9]* s in all, the longest [1-9][0-9]* s .* at most [1-9][0-9.]* USD of [A-Z]+;' \
    "$folder/short"
says "nearest limit" '^  Nearest limit  .*: [0-9.]+ of [0-9.]+ \([0-9.]+ %\)' "$folder/short"
# What was refused is ranked, and each is said in words.
awk '/^ +[0-9]+  .*\([a-z_]+\)$/ { if (seen && $1 > last) exit 1; seen = 1; last = $1 }
    END { exit !seen }' "$folder/short" && ok || bad "what was refused is not ranked"
# What it earned is what the accounts say.
earned=$(awk '$1 == "Earned" { print $2 }' "$folder/short")
in_all=$(awk '$1 == "in" && $2 == "all" { print $3 }' "$day")
[ -n "$earned" ] && [ "$earned" = "$in_all" ] && ok || bad "earned $earned, in all $in_all"
# Naked, and repaired, as often as the table says.
above_0 "what was naked" '$1 == "Naked" { print $2 }' "$folder/short"

# Holds, exits, lost legs, drift and repairs are in the day.
above_0 "held and closed" '$1 == "arbitrage" && NF == 10 { print $5 }' "$day"
above_0 "exits" '$1 == "exit" && NF == 10 { print $4 }' "$day"
above_0 "lost legs" '$1 == "arbitrage" && NF == 10 { print $7 }' "$day"
above_0 "repairs" '$1 == "repair" && NF == 9 { print $2 }' "$day"
above_0 "reports in doubt" 'match($0, /reports in doubt [0-9]+/) {
    print substr($0, RSTART + 17, RLENGTH - 17) }' "$day"
above_0 "drifts" 'match($0, /drifts [0-9]+, accepted/) { split(substr($0, RSTART), w, "[ ,]");
    print w[2] }' "$day"
above_0 "accepted" 'match($0, /, accepted [0-9]+$/) { print substr($0, RSTART + 11) }' "$day"
says "what is still open" 'still open: 0 lots of jobs' "$day"

# The page begins with the same.
awk '/^In short$/ && !short { short = NR } /<svg/ && !chart { chart = NR }
    END { exit !(short && chart && short < chart) }' "$folder/day.html" && ok ||
    bad "the page does not begin with the answers"

# ---- Recorded markets ----------------------------------------------------------------------------

# A line that can't be meant is refused, with its place.
made=$folder/made
mkdir -p "$made"
# made FILE HEADER [ROW...]
made() {
    file=$made/$1
    shift
    printf '%s\n' "$@" >"$file"
}
quotes=quotes_binance_bybit_btc_20221213_1m.csv
bars=bars_binance_bybit_btc_20221213_1m.csv
funding=funding_binance_bybit_btc_20221213.csv
of_quotes=ts_ns,exchange,symbol,bid,bid_size,ask,ask_size
of_bars=ts_ns,exchange,symbol,open,high,low,close,volume
of_funding=ts_ns,exchange,symbol,rate,interval_hours,next_funding_ns
# refused WHAT PLACE: by the message of a run with what was made; then all is empty again.
empty() {
    made $quotes $of_quotes
    made $bars $of_bars
    made $funding $of_funding
}
refused() {
    "$replay" --quiet --data "$made" >/dev/null 2>"$folder/made.log"
    code=$?
    [ $code -ne 0 ] && grep -qF "$2" "$folder/made.log" && ok ||
        bad "$1: exit $code, $(head -c 300 "$folder/made.log")"
    empty
}
empty
made $quotes nothing
refused "another header" "$quotes: the header is not"
made $quotes $of_quotes 1670889600000000000,bybit,BTCUSDT,17000,1,17001
refused "a missing column" "$quotes:2: column 7 is no number"
made $quotes $of_quotes "1670889600000000000,bybit,BTCUSDT,17000,1,17001,$(printf '%600d' 1 | tr ' ' 0)"
refused "a line that is too long" "$quotes:2: the line is too long"
made $quotes $of_quotes "" "1,bybit,BTCUSDT,1,1,1,1,,,,,,,"
refused "too many columns" "$quotes:3: too many columns"
made $bars $of_bars 9223372036854775807,bybit,BTCUSDT,1,2,1,1,5
refused "a time that is none" "$bars:2: column 1 is no time"
made $funding $of_funding 1670889600000000000,bybit,BTCUSDT,0.0001,8,-9223372036854775807
refused "a next time that is none" "$funding:2: column 6 is no time"
# The second market is read after the first, which may be empty.
made quotes_binance_btc_20240808_100ms.csv $of_quotes
made trades_binance_btc_20240808_60s.csv ts_ns,exchange,symbol,price,size
made depth_binance_btc_20240808_1s.csv ts_ns,exchange,symbol,side,level,price,size \
    1723161254000000000,binance-spot,BTCUSDT,buy,0,55000,1
refused "a side that is none" "depth_binance_btc_20240808_1s.csv:2: column 4 is neither bid nor ask"

if [ -f "$data/quotes_binance_bybit_btc_20221213_1m.csv" ]; then
    "$replay" --quiet --data "$data" >"$folder/recorded.txt" 2>"$folder/recorded.log" && ok ||
        bad "recorded markets fail: $(cat "$folder/recorded.log")"
    [ "$(grep -c '^In short$' "$folder/recorded.txt")" -ge 2 ] && ok || bad "markets are missing"
    [ "$(grep -c '^The book passed its check\.$' "$folder/recorded.txt")" -ge 2 ] && ok ||
        bad "a recorded market's book did not pass"
    above_0 "refused in a recorded market" '$1 == "Refused" { print $9; exit }' \
        "$folder/recorded.txt"
else
    echo "left out: recorded markets (there are none in $data)"
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
