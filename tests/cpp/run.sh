#!/bin/sh
# The C++ binding: it compiles without a warning, alone and in several units of one program; its
# tests, its examples and the programs of docs/cpp.md run; it reaches all of the C API; and it costs
# next to nothing.
# usage: run.sh BUILD   (CC, SANITIZE, LIB_LIBS as the Makefile sets them)
build=$1
LIB_LIBS=${LIB_LIBS:-$(pkg-config --libs libcjson sqlite3) -lm}
folder=$build/cpp
rm -rf "$folder"
mkdir -p "$folder" || exit 1
passed=0
failed=0
ok() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    echo "$*"
}
try() {
    if "$@" >"$folder/log" 2>&1; then ok; else
        bad "$*"
        head -n 40 "$folder/log"
    fi
}

compilers=""
for cxx in g++ clang++; do
    command -v $cxx >/dev/null && compilers="$compilers $cxx"
done
# A library with a sanitizer is linked by the compiler that made it.
linkers=$compilers
if [ -n "$SANITIZE" ]; then
    case $CC in *clang*) linkers=clang++ ;; *) linkers=g++ ;; esac
    command -v $linkers >/dev/null || linkers=""
fi
if [ -z "$linkers" ]; then
    echo "left out: C++ (needs g++ or clang++)"
    exit 77
fi

warnings="-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror"
case $LIB_LIBS in *sqlite3*) sqlite=yes ;; *) sqlite="" ;; esac
# build_with CXX STD PROGRAM SOURCE...
build_with() {
    cxx=$1 std=$2 program=$3
    shift 3
    # shellcheck disable=SC2086 # flags are words
    $cxx -std=$std -O0 $warnings ${SANITIZE:+-g -fsanitize=$SANITIZE -fno-sanitize-recover=all} \
        ${sqlite:+-DPERP_TEST_STORE="\"$program.db\""} -Iinclude "$@" "$build/lib/libperpcore.a" \
        $LIB_LIBS -pthread -o "$program" >"$folder/log" 2>&1 || {
        head -n 40 "$folder/log"
        return 1
    }
}

# All headers compile twice in one unit, without RTTI; each alone is looked at with the C headers.
# What only compiles no sanitizer sees.
all=$folder/perpcore.cpp
printf '#include <perpcore/perpcore.hpp>\n#include <perpcore/perpcore.hpp>\n' >"$all"
for cxx in $compilers; do
    [ -z "$SANITIZE" ] || break
    try $cxx -std=c++17 -fno-rtti -fsyntax-only $warnings -Iinclude "$all"
    for source in "$all" examples/cpp/*.cpp; do
        try $cxx -std=c++20 -fsyntax-only $warnings -Iinclude ${sqlite:+-DPERP_TEST_STORE='""'} \
            "$source"
    done
done

# A result that must not be thrown away is warned of; before C++17 the header says what it needs.
unread() {
    cat <<EOF
#include <perpcore/perpcore.hpp>
void f(perp::core &c, const perp::job &j, perp::time t);
void f(perp::core &c, const perp::job &j, perp::time t) {
    auto kept = c.risk().evaluate(t, j); (void)kept;
    c.risk().evaluate(t, j); // thrown away
    c.capital().reserve(t, perp::exchange_id(0), perp::pool::ARB, perp::usd(1)); // thrown away
    c.capital().reserve_for_job(t, j); // thrown away
    (void)c.capital().can_reserve_for_job(j);
    c.capital().can_reserve_for_job(j); // thrown away
    c.orders().place(t, perp::order_request::market(j.id(), 0, 1)); // thrown away
    perp::core::open(); // thrown away
    perp::store::memory(); // thrown away
}
EOF
}
unread >"$folder/unread.cpp"
for cxx in $compilers; do
    [ -z "$SANITIZE" ] || break
    $cxx -std=c++17 -fsyntax-only -Wunused-result -Iinclude "$folder/unread.cpp" 2>"$folder/log"
    # Of each of these lines, and of no other.
    grep -n 'thrown away$' "$folder/unread.cpp" | cut -d: -f1 >"$folder/must"
    sed -n 's/^[^ ]*unread.cpp:\([0-9]*\):[0-9]*: warning: .*/\1/p' "$folder/log" | sort -nu >"$folder/warned"
    try diff "$folder/must" "$folder/warned"
done
for cxx in $compilers; do
    $cxx -std=c++14 -fsyntax-only -Iinclude "$folder/perpcore.cpp" 2>&1 |
        grep -q 'perpcore.hpp needs C++17' && ok || bad "$cxx -std=c++14 is not told what is needed"
done

# Every function of the library is used by the binding: after its declaration it occurs again.
# shellcheck disable=SC2086
set -- $compilers
$1 -std=c++17 -E -P -Iinclude "$folder/perpcore.cpp" | grep -o 'perp_[a-z0-9_]*' | sort |
    uniq -c >"$folder/names"
for name in $(sed -n 's/^ *\(perp_[a-z0-9_]*\);$/\1/p' lib/perpcore.map); do
    if awk -v name="$name" '$2 == name && $1 > 1 { found = 1 } END { exit !found }' \
        "$folder/names"; then ok; else bad "perpcore.hpp does not use $name"; fi
done

# Every field of a C struct that has a C++ struct of its own is read or written there.
own="refusal exchange_spec instrument_spec feasibility market_state exchange_state pool_state
    day_figures capital_state reservation leg_evaluation risk_state liquidation order execution
    naked alert tick_item finish_outcome job_info scheduler_state limits change record
    row column sqlite_options monitor_global monitor_capital monitor_exchange monitor_jobs monitor_job
    monitor_risk recorded_fill flatten_item order_request order_answer order_news order_outcome
    order_info order_filter orders_state reconciled latch"
$1 -std=c++17 -E -P -Iinclude "$folder/perpcore.cpp" | tr '\n' ' ' >"$folder/code"
grep -o '\<c_\{0,1\}\(\.\|->\)[a-z0-9_]*' "$folder/code" | sed 's/.*[.>]//' | sort -u \
    >"$folder/used"
for struct in $own; do
    sed "s/.*typedef struct perp_$struct {\([^}]*\)}.*/\1/" "$folder/code" | tr ';' '\n' |
        sed -n 's/\[.*//; s/.*[ *]\([a-z0-9_]*\) *$/\1/p' >"$folder/fields"
    [ -s "$folder/fields" ] || bad "no struct perp_$struct"
    for field in $(grep -v '^reserved[0-9]*$\|^struct_size$\|^other$\|^$' "$folder/fields"); do
        if grep -qx "$field" "$folder/used"; then ok; else
            bad "perp_$struct.$field is not used"
        fi
    done
done

# The tests: several units of one program include the header; C++17 by g++, C++20 by clang.
for cxx in $linkers; do
    program=$folder/test-$cxx
    std=c++17
    [ $cxx = g++ ] || std=c++20
    if build_with $cxx $std "$program" tests/cpp/test_*.cpp; then
        "$program" >"$program.log" 2>&1
        code=$?
        sed '$d' "$program.log"
        counts=$(tail -n 1 "$program.log")
        n=$(echo "$counts" | sed -n 's/^\([0-9]*\) passed,.*/\1/p')
        passed=$((passed + ${n:-0}))
        n=$(echo "$counts" | sed -n 's/.* \([0-9]*\) failed$/\1/p')
        failed=$((failed + ${n:-1}))
        [ $code -eq 0 ] || [ "${n:-0}" -gt 0 ] || bad "$program ends with $code: $counts"
    else
        bad "the tests do not compile with $cxx"
    fi
done

# The programs of the page run and print what stands below them.
awk -v folder="$folder" '
    /^```cpp$/ { n++; file = folder "/page-" n ".cpp"; next }
    /^```text$/ && n > 0 { file = folder "/page-" n ".expected"; next }
    /^```/ { file = ""; next }
    file != "" { print > file }
    END { if (n == 0) exit 1 }' docs/cpp.md || bad "docs/cpp.md has no program"
# shellcheck disable=SC2086
set -- $linkers
for source in "$folder"/page-*.cpp; do
    program=${source%.cpp}
    if ! build_with "$1" c++17 "$program" "$source"; then
        bad "a program of docs/cpp.md does not compile: $source"
    elif ! "$program" >"$program.out" 2>&1; then
        bad "a program of docs/cpp.md fails: $source"
        cat "$program.out"
    elif ! diff "$program.expected" "$program.out"; then
        bad "$source prints something else than docs/cpp.md says"
    else
        ok
    fi
done
try diff examples/cpp/quickstart.cpp "$folder/page-1.cpp"

# The event loop says the same every time; with a store it goes on where it ended.
loop=$folder/event_loop
if build_with "$1" c++17 "$loop" examples/cpp/event_loop.cpp; then
    "$loop" >"$loop.1" && "$loop" >"$loop.2" && [ -s "$loop.1" ] && cmp "$loop.1" "$loop.2" &&
        grep -q '1 without an answer yet' "$loop.1" && ok || bad "the event loop"
    if [ -n "$sqlite" ]; then
        "$loop" "$loop.db" >"$loop.3" && cmp "$loop.1" "$loop.3" &&
            "$loop" "$loop.db" >"$loop.4" && grep -q '^in doubt since the last run' "$loop.4" &&
            ok || bad "the event loop with a store"
    fi
else
    bad "the event loop does not compile"
fi

# What C++ adds to the C calls, in instructions: at most 5 %.
counted() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$folder/cost" "$1" "$2" 2>&1 |
        sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}
if [ -n "$SANITIZE" ]; then
    echo "left out: what C++ costs (not with sanitizers)"
elif ! command -v valgrind >/dev/null; then
    echo "left out: what C++ costs (needs valgrind)"
elif ! command -v g++ >/dev/null; then
    echo "left out: what C++ costs (needs g++)"
elif g++ -std=c++17 -O2 -Iinclude tests/cpp/cost.cpp "$build/lib/libperpcore.a" $LIB_LIBS -pthread \
    -o "$folder/cost"; then
    c=$((($(counted c 1500) - $(counted c 500)) / 1000))
    cpp=$((($(counted cpp 1500) - $(counted cpp 500)) / 1000))
    echo "instructions a round: $c in C, $cpp in C++"
    [ $c -gt 0 ] && [ $((cpp * 100)) -le $((c * 105)) ] && ok || bad "C++ costs more than 5 %"
else
    bad "tests/cpp/cost.cpp does not compile"
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
