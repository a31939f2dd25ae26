#!/bin/sh
# Every public header compiles alone, as every C and C++ that a host may use, without a warning,
# and holds nothing that another language could not reach. C and C++, gcc and clang, with enums of
# any size, see the same layout.
# usage: run.sh BUILD
folder=$1/headers
mkdir -p "$folder" || exit 1
passed=0
failed=0
try() {
    if "$@" >"$folder/log" 2>&1; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "$*"
        cat "$folder/log"
    fi
}

headers=$(cd include && ls perpcore/*.h)
wrappers=$(cd include && ls perpcore/*.hpp 2>/dev/null)
for header in $headers $wrappers; do
    name=$(basename "$header")
    # Twice: the guard works, too. A translation unit of C must not be empty.
    printf '#include <%s>\n#include <%s>\nextern int perp_test_unit;\n' "$header" "$header" \
        >"$folder/$name.c"
    cp "$folder/$name.c" "$folder/$name.cpp"
done

# All sizes and offsets as a header that checks them, for C and C++.
sh tests/abi/describe.sh include lib/perpcore.map "$folder/layout" || exit 1
awk '
    BEGIN {
        print "#include <perpcore/perpcore.h>"
        print "#ifdef __cplusplus\n#define CHECK(x) static_assert(x, #x)"
        print "#else\n#define CHECK(x) _Static_assert(x, #x)\n#endif"
    }
    $2 ~ /^size=/ { print "CHECK(sizeof(" $1 ") == " substr($2, 6) ");" }
    $2 ~ /^offset=/ {
        split($1, names, ".")
        print "CHECK(offsetof(" names[1] ", " names[2] ") == " substr($2, 8) ");"
    }' "$folder/layout/layout" >"$folder/layout.c"
cp "$folder/layout.c" "$folder/layout.cpp"

flags="-Iinclude -fsyntax-only -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wundef -Werror"
# there COMPILER: it is, or the headers are not tried with it.
there() { command -v "$1" >/dev/null || ! echo "left out: headers with $1 (is not installed)"; }
for compiler in gcc clang; do
    there $compiler || continue
    for std in c99 c11 c17; do
        for header in $headers; do
            try $compiler -std=$std $flags -Wstrict-prototypes "$folder/$(basename "$header").c"
        done
    done
    try $compiler -std=c11 $flags "$folder/layout.c"
    try $compiler -std=c11 $flags -fshort-enums "$folder/layout.c"
done
for compiler in g++ clang++; do
    there $compiler || continue
    for std in c++98 c++11 c++14 c++17 c++20; do
        for header in $headers; do
            try $compiler -std=$std $flags "$folder/$(basename "$header").cpp"
        done
    done
    for header in $wrappers; do
        try $compiler -std=c++17 $flags "$folder/$(basename "$header").cpp"
    done
    try $compiler -std=c++20 $flags "$folder/perpcore.hpp.cpp" # includes all of them
    try $compiler -std=c++17 $flags "$folder/layout.cpp"
    try $compiler -std=c++17 $flags -fshort-enums "$folder/layout.cpp"
done

# Comments out, then: no type of unknown width, bit-field, varargs, inline or function by value.
awk '
    { text = text "\n" $0 }
    END {
        while ((start = index(text, "/*")) > 0) {
            end = index(substr(text, start), "*/")
            text = substr(text, 1, start - 1) substr(text, start + end + 1)
        }
        print text
    }' include/perpcore/*.h >"$folder/code"
try sh -c '! grep -nwE "long|short|time_t|bool|_Bool|inline|float|__int128" "$1"' - "$folder/code"
try sh -c '! grep -nE ":[ ]*[0-9]+;|\.\.\." "$1"' - "$folder/code"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
