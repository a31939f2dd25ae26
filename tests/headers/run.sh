#!/bin/sh
# Every public header compiles alone, as every C and C++ that a host may use, without a warning,
# and holds nothing that another language could not reach.
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
for header in $headers; do
    name=$(basename "$header" .h)
    # Twice: the guard works, too. A translation unit of C must not be empty.
    printf '#include <%s>\n#include <%s>\nextern int perp_test_unit;\n' "$header" "$header" \
        >"$folder/$name.c"
    cp "$folder/$name.c" "$folder/$name.cpp"
done

flags="-Iinclude -fsyntax-only -Wall -Wextra -Wpedantic -Werror"
for compiler in gcc clang; do
    command -v $compiler >/dev/null || continue
    for std in c99 c11 c17; do
        for header in $headers; do
            try $compiler -std=$std $flags "$folder/$(basename "$header" .h).c"
        done
    done
done
for compiler in g++ clang++; do
    command -v $compiler >/dev/null || continue
    for std in c++98 c++11 c++14 c++17 c++20; do
        for header in $headers; do
            try $compiler -std=$std $flags "$folder/$(basename "$header" .h).cpp"
        done
    done
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
