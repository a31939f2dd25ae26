#!/bin/sh
# The checks of this folder find what they are there for: each mistake, made in a scratch copy of
# the headers or the library, fails, and each allowed addition passes.
# usage: selftest.sh BUILD
build=$1
here=tests/abi
folder=$build/abi/selftest
cc=${CC:-cc}
export LC_ALL=C
passed=0
failed=0
rm -rf "$folder"
mkdir -p "$folder/lists" || exit 1
fail() {
    failed=$((failed + 1))
    echo "$1"
    [ -z "$2" ] || sed 's/^/    /' "$2"
}

# fresh: a scratch copy of the headers and the map; edit HEADER SED: changes it.
fresh() {
    rm -rf "$folder/include"
    cp -r include "$folder/include"
    cp lib/perpcore.map "$folder/map"
}
edit() {
    sed "$2" "$folder/include/perpcore/$1" >"$folder/edited"
    cmp -s "$folder/edited" "$folder/include/perpcore/$1" && fail "nothing to edit in $1: $2"
    mv "$folder/edited" "$folder/include/perpcore/$1"
}
next_minor() {
    edit types.h "s/^#define PERP_VERSION_MINOR .*/#define PERP_VERSION_MINOR 99/"
    sh $here/map.sh "$folder/include" "$folder/lists" >"$folder/map"
}
describe_lists() {
    sh $here/describe.sh "$folder/include" "$folder/map" "$folder/released" || exit 1
    for list in symbols values layout; do
        cp "$folder/released/$list" "$folder/lists/$list-$version.txt"
    done
}

# breaks WHAT TEXT: the check fails and its output has TEXT. passes WHAT [TEXT]: it passes.
compare() {
    sh $here/check.sh "$folder/include" "$folder/map" "$folder/now" "$folder/lists" \
        >"$folder/out" 2>&1
}
breaks() {
    if compare; then fail "passes: $1" "$folder/out"
    elif ! grep -qF "$2" "$folder/out"; then fail "fails without saying \"$2\": $1" "$folder/out"
    else passed=$((passed + 1)); fi
}
passes() {
    if ! compare; then fail "fails: $1" "$folder/out"
    elif ! grep -qF "$2" "$folder/out"; then fail "passes without saying \"$2\": $1" "$folder/out"
    else passed=$((passed + 1)); fi
}

# The release that the scratch copies are held against is the tree as it is.
part() { sed -n "s/^#define PERP_VERSION_$1 //p" include/perpcore/types.h; }
version=$(part MAJOR).$(part MINOR)
fresh
for list in "$here"/symbols-*.txt; do
    [ ! -e "$list" ] || cp "$list" "$folder/lists"
done
sh $here/map.sh "$folder/include" "$folder/lists" >"$folder/map"
describe_lists
passes "nothing changed" "0 failed"

fresh; edit types.h '/^    int64_t now_ns;/i\    uint64_t other;'
breaks "a field in the middle of a struct" "perp_call.now_ns offset=16"
fresh; edit types.h '/^    int64_t now_ns;/d'
breaks "a field is gone" "gone: perp_call.now_ns"
fresh; edit types.h 's/^    int64_t now_ns;/    double now_ns;/'
breaks "a field of another type" "perp_call.now_ns offset=8 size=8 double"
fresh; edit market.h '/^    double ask_size;/a\    double other;'
breaks "a market event grows" "perp_quote.other is new in a struct that never grows"
fresh; edit types.h 's/^#define PERP_MAX_LEGS .*/#define PERP_MAX_LEGS 9/'
breaks "another macro value" "macro PERP_MAX_LEGS 9"
fresh; edit lists.h 's/PERP_E_STALE, -7/PERP_E_STALE, -17/'
breaks "an enumerator is renumbered" "perp_status PERP_E_STALE -17"
fresh; edit lists.h 's/X(BUY, "buy")/X(OTHER, "other") X(BUY, "buy")/'
breaks "an enumerator is put before others" "perp_side PERP_SIDE_BUY 1"
fresh; edit lists.h 's/ X(SELL, "sell")//'
breaks "an enumerator is gone" "gone: perp_side PERP_SIDE_SELL 1"
fresh; edit core.h '/perp_core_flush(/d'
breaks "a function is gone" "gone: perp_core_flush"
fresh; edit core.h 's/perp_core_flush(perp_core \*core/&, uint32_t x/'
breaks "a function takes more" "perp_status (perp_core *, uint32_t)"
fresh; sed "s/^PERPCORE_$version /PERPCORE_0.7 /" lib/perpcore.map >"$folder/map"
breaks "another symbol version" "perp_core_flush PERPCORE_0.7"
fresh; edit core.h '/perp_core_flush(/i\PERP_API void perp_core_other(void);'
sh $here/map.sh "$folder/include" "$folder/lists" >"$folder/map"
breaks "a new function in a released node" "perp_core_other is new, but of the released node"
fresh
edit types.h '/^typedef struct perp_call {/i\typedef struct perp_other { uint32_t a; } perp_other;'
breaks "a struct without struct_size" "perp_other does not start with uint32_t struct_size"
fresh
edit types.h '/^typedef struct perp_refusal {/i\
typedef struct perp_other { uint32_t struct_size; perp_call call; int64_t x; } perp_other;'
breaks "a struct that grows, inside of another" "perp_call is part of perp_other"

fresh; edit types.h '/^    const char \*reason;/a\    uint64_t other;'
passes "a field at the end" "perp_call.other"
fresh
edit config.h '/^typedef struct perp_capital_config {/,/^}/{
s/ uint64_t reserved\[/ int64_t other;&-1+/
}'
passes "a field in reserved room" "perp_capital_config.other"
fresh; edit lists.h 's/X(SELL, "sell")/X(SELL, "sell") X(OTHER, "other")/'
passes "an enumerator at the end" "PERP_SIDE_OTHER 2"
fresh; edit types.h '/^#define PERP_MAX_LEGS /i\#define PERP_OTHER "text"'
passes "a macro" 'macro PERP_OTHER "text"'
fresh; edit core.h '/perp_core_flush(/i\PERP_API void perp_core_other(void);'; next_minor
passes "a function, with the node of its release" "perp_core_other PERPCORE_0.99 void (void)"

# Padding at the end of a released struct holds whatever an older host left there.
fresh; edit types.h '/^    const char \*reason;/a\    uint32_t half;'; describe_lists
edit types.h '/^    uint32_t half;/a\    uint32_t other;'
breaks "a field in padding" "perp_call.other is new at offset 36"

# The built library. A copy of it is put together with one more object.
export SANITIZE
link_library() {
    root=$folder/$1
    mkdir -p "$root/lib"
    cp "$build/lib/libperpcore.a" "$root/lib/"
    printf '%s\n' "$2" >"$root/more.c"
    # shellcheck disable=SC2086 # LIB_LIBS is a list
    $cc -std=c11 -fPIC -pthread -Iinclude -c "$root/more.c" -o "$root/more.o" &&
        $cc -shared -pthread -Wl,-soname,"${4:-libperpcore.so.$(part MAJOR)}" \
            -Wl,--version-script="$3" \
            "$root/more.o" -Wl,--whole-archive "$root/lib/libperpcore.a" -Wl,--no-whole-archive \
            ${LIB_LIBS:-$(pkg-config --libs libcjson sqlite3) -lm} -o "$root/lib/libperpcore.so" &&
        ln -sf libperpcore.so "$root/lib/libperpcore.so.$(part MAJOR)"
}
library() {
    if ! link_library "$1" "$3" "${4:-lib/perpcore.map}" "$5" >"$folder/out" 2>&1; then
        fail "$1: does not link" "$folder/out"
    elif sh $here/run.sh "$folder/$1" >"$folder/out" 2>&1; then
        fail "passes: a library with $1" "$folder/out"
    elif ! grep -qxF "> $2" "$folder/out"; then
        fail "fails without \"> $2\": a library with $1" "$folder/out"
    else passed=$((passed + 1)); fi
}
if [ -z "$SANITIZE" ]; then
    library clock time '#include <time.h>
    long long perp_x(void); long long perp_x(void) { return time(NULL); }'
    library thread pthread_create '#include <pthread.h>
    static void *run(void *x) { return x; }
    int perp_x(void); int perp_x(void) { pthread_t t; return pthread_create(&t, NULL, run, NULL); }'
    library socket socket '#include <sys/socket.h>
    int perp_x(void); int perp_x(void) { return socket(AF_INET, SOCK_STREAM, 0); }'
    sed '0,/perp_call_init/s/perp_call_init;/&\n    other;/' lib/perpcore.map >"$folder/more.map"
    library foreign-name "other PERPCORE_$version" 'void other(void); void other(void) {}' \
        "$folder/more.map"
    library soname libperpcore.so.7 'extern int perp_x;' lib/perpcore.map libperpcore.so.7

    # A host of this release runs with the next, whose new function has a node of its own; a host
    # that needs that function does not start with this release.
    fresh; edit core.h '/perp_core_flush(/i\PERP_API void perp_core_other(void);'; next_minor
    link_library next 'void perp_core_other(void); void perp_core_other(void) {}' "$folder/map" ||
        fail "next does not link"
    cat >"$folder/host.c" <<'HOST'
#include <perpcore/perpcore.h>
int main(void) {
    perp_core *core;
    if (perp_core_open(NULL, &core) != PERP_OK) return 1;
    perp_core_close(core);
    return 0;
}
HOST
    cat >"$folder/newer.c" <<'HOST'
#include <perpcore/perpcore.h>
int main(void) {
    perp_core_other();
    return 0;
}
HOST
    $cc -Iinclude "$folder/host.c" -L"$build/lib" -lperpcore -o "$folder/host" &&
        objdump -T "$folder/host" | grep -q 'PERPCORE_[0-9.]*).* perp_core_open' &&
        LD_LIBRARY_PATH=$folder/next/lib "$folder/host" && passed=$((passed + 1)) ||
        fail "a host of this release does not run with the next"
    $cc -I"$folder/include" "$folder/newer.c" -L"$folder/next/lib" -lperpcore -o "$folder/newer" &&
        LD_LIBRARY_PATH=$folder/next/lib "$folder/newer" && passed=$((passed + 1)) ||
        fail "a host of the next release does not run with it"
    LD_LIBRARY_PATH=$build/lib "$folder/newer" >"$folder/out" 2>&1
    if grep -q "version .PERPCORE_0.99. not found" "$folder/out"; then passed=$((passed + 1)); else
        fail "a host of the next release is not told that this library is older" "$folder/out"
    fi
else
    echo "left out: what a library may not have (not with sanitizers)"
fi

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
