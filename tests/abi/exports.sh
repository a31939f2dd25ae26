#!/bin/sh
# Prints the names of the functions that the public headers mark PERP_API, sorted.
# usage: exports.sh [HEADER...]
[ $# -gt 0 ] || set -- include/perpcore/*.h
cat "$@" | awk '
    /^[ \t]*#/ { next }
    { text = text " " $0 }
    END {
        while ((start = index(text, "/*")) > 0) {
            end = index(substr(text, start), "*/")
            if (end == 0) break
            text = substr(text, 1, start - 1) " " substr(text, start + end + 1)
        }
        n = split(text, parts, /PERP_API[ \t]/)
        for (i = 2; i <= n; i++) {
            name = substr(parts[i], 1, index(parts[i], "(") - 1)
            gsub(/[ \t]+$/, "", name)
            gsub(/.*[^A-Za-z0-9_]/, "", name)
            print name
        }
    }' | LC_ALL=C sort
