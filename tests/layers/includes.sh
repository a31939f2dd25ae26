#!/bin/sh
# Prints the includes of files in MODULE/ that do not point left; fails where there are any.
# usage: includes.sh FILE...
awk '
    FILENAME == ARGV[1] { layer[$1] = $2; next }
    FNR == 1 {
        n = split(FILENAME, part, "/")
        module = part[n - 1]
        if (!(module in layer)) { print FILENAME ": no such module"; bad = 1 }
    }
    /^[ \t]*#[ \t]*include[ \t]*"/ {
        split($0, quoted, "\"")
        n = split(quoted[2], path, "/")
        if (n == 1) next
        if (!(path[1] in layer) || n > 2) {
            print FILENAME ":" FNR ": " quoted[2] " is not MODULE/FILE"; bad = 1
        } else if (path[1] != module && layer[path[1]] + 0 >= layer[module] + 0) {
            print FILENAME ":" FNR ": " module " must not include " quoted[2]; bad = 1
        }
    }
    END { exit bad }' "$(dirname "$0")/order" "$@"
