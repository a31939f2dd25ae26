#!/bin/sh
# Hosts of other releases on this library: programs built against structs that lack the last fields
# of today's (an older release) or have more of them (a newer one) behave as one built against
# today's headers. See host.c.
# usage: hosts.sh BUILD
build=$1
here=$(dirname "$0")
folder=$build/abi/hosts
cc=${CC:-cc}
flags="-std=c11 -g -Wall -Wextra -Werror${SANITIZE:+ -fsanitize=$SANITIZE}"
mkdir -p "$folder" || exit 1
export LC_ALL=C
passed=0
failed=0
fail() {
    failed=$((failed + 1))
    echo "$1"
}

# host NAME FLAGS...: builds and runs a host with the headers in $folder/NAME, or fails.
host() {
    name=$1
    shift
    if ! $cc $flags "$@" $here/host.c -o "$folder/$name.host" -L"$build/lib" -lperpcore \
        -Wl,-rpath,"$(cd "$build/lib" && pwd)" >"$folder/$name.log" 2>&1; then
        fail "$name: does not compile"
        cat "$folder/$name.log"
    elif ! "$folder/$name.host" >"$folder/$name.out" 2>&1; then
        fail "$name: failed"
        grep -v '^{' "$folder/$name.out"
    elif ! cmp -s "$folder/today.out" "$folder/$name.out"; then
        fail "$name: prints something else than a host of today (<)"
        diff "$folder/today.out" "$folder/$name.out"
    else
        passed=$((passed + 1))
    fi
}

# regrow NAME FLAGS...: the headers as another release would have them.
regrow() {
    mkdir -p "$folder/$1/perpcore"
    name=$1
    shift
    awk -F '\t' -v fixed="$(cat "$folder/fixed")" "$@" -f $here/regrow.awk "$folder/declared" \
        >"$folder/$name/perpcore/perpcore.h"
}

sh $here/describe.sh include lib/perpcore.map "$folder" || exit 1
sh $here/table.sh "Structs that never grow" >"$folder/fixed"

# Each struct that may grow is tried here, but for those that only the library makes, and those
# between it and a host's store, which tests/unit/test_durable.c tries.
awk -F '\t' -v fixed="$(cat "$folder/fixed")" '
    BEGIN { n = split(fixed, names, /[ \n]+/); for (i = 1; i <= n; i++) is_fixed[names[i]] = 1 }
    $1 == "struct" { name = $3 }
    $1 == "field" && $3 == "struct_size" && !(name in is_fixed) { print name }' \
    "$folder/declared" | grep -vx -e perp_execution -e perp_record -e perp_row \
    -e perp_rule_answer -e perp_store_more -e perp_store_state >"$folder/growing"
while read -r struct; do
    grep -q "X($struct, " $here/host.c || fail "tests/abi/host.c does not use $struct"
done <"$folder/growing"

: >"$folder/today.out"
$cc $flags -DSAME -Iinclude $here/host.c -o "$folder/today.host" -L"$build/lib" -lperpcore \
    -Wl,-rpath,"$(cd "$build/lib" && pwd)" && "$folder/today.host" >"$folder/today.out" ||
    { fail "a host of today fails"; cat "$folder/today.out"; }

# Older and older, until no struct can lose more.
cut=1
before=
while :; do
    regrow "older-$cut" -v cut=$cut -v host=$here/host.c
    now=$(cksum <"$folder/older-$cut/perpcore/perpcore.h")
    [ "$now" = "$before" ] && break
    before=$now
    host "older-$cut" -I"$folder/older-$cut"
    cut=$((cut + 1))
done
[ $cut -gt 5 ] || fail "only $cut older releases were tried"

regrow newer -v grow=1
host newer -DNEWER -I"$folder/newer"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
