#!/bin/sh
# Calls every released init function and looks whether it writes past the struct of the release that
# brought it, where an older host has something else.
# usage: inits.sh BUILD VERSION
build=$1
here=tests/abi
folder=$build/abi
awk '
    BEGIN {
        print "#include <stdio.h>\n#include <string.h>\n\n#include <perpcore/perpcore.h>\n"
        print "static _Alignas(16) unsigned char room[1 << 17];\n"
        print "static int wrong(const char *name, size_t size) {"
        print "    for (size_t i = size; i < sizeof room; i++)"
        print "        if (room[i] != 0xA5) {"
        print "            printf(\"%s writes past the %zu bytes of its release\\n\", name, size);"
        print "            return 1;\n        }"
        print "    return 0;\n}\n"
        print "int main(void) {\n    int failed = 0, n = 0;"
    }
    FNR == NR { if ($2 ~ /^size=/) size[$1] = substr($2, 6); next }
    $1 ~ /_init$/ && match($0, /void \(perp_[a-z_]* \*\)$/) {
        type = substr($0, RSTART + 6, RLENGTH - 9)
        # The header may make the name stand for a newer function.
        print "#undef " $1
        print "    memset(room, 0xA5, sizeof room);"
        print "    " $1 "((" type " *)(void *)room);"
        print "    failed += wrong(\"" $1 "\", " size[type] ");\n    n++;"
    }
    END {
        print "    printf(\"%d passed, %d failed\\n\", n - failed, failed);"
        print "    return failed != 0 || n == 0;\n}"
    }' $here/layout-"$2".txt $here/symbols-"$2".txt >"$folder/inits.c" &&
    ${CC:-cc} -std=c11 -Wall -Wextra ${SANITIZE:+-fsanitize=$SANITIZE} -Iinclude "$folder/inits.c" \
        -L"$build/lib" -lperpcore -Wl,-rpath,"$(cd "$build/lib" && pwd)" -o "$folder/inits" &&
    "$folder/inits"
