#!/bin/sh
# Prints what an object in OBJECTS/MODULE/ takes from another module that is not further left: what
# one leaves undefined, as nm says, and the other defines. It does not matter by which header, or
# whether the public ones, it came there. Fails where there is any, or nothing to look at.
# usage: calls.sh OBJECTS [LIB]   (LIB: an object whose source is not there is left of an older tree)
here=$(dirname "$0")
lib=$2
set -- "$1"/*/*.o
for object in "$@"; do
    shift
    module=${object%/*}
    source=${module##*/}/$(basename "$object" .o).c
    [ -n "$lib" ] && [ ! -e "$lib/$source" ] || set -- "$@" "$object"
done
[ -e "$1" ] || { echo "there are no objects: $1"; exit 1; }
nm -A -P "$@" | awk '
    FILENAME == ARGV[1] { layer[$1] = $2; next }
    {
        file = $1
        sub(/:$/, "", file)
        n = split(file, part, "/")
        module = part[n - 1]
        if (!(module in layer) && !(module in told)) {
            print file ": no such module"; told[module] = bad = 1
        }
        sub(/\.o$/, ".c", part[n])
        file = module "/" part[n]
        if ($3 == "U") { n_wanted++; by[n_wanted] = file; of[n_wanted] = module; wants[n_wanted] = $2 }
        else if ($3 ~ /^[A-Z]$/) { home[$2] = module; place[$2] = file }
    }
    END {
        for (i = 1; i <= n_wanted; i++) {
            name = wants[i]
            if (!(name in home) || home[name] == of[i]) continue
            if (layer[home[name]] + 0 < layer[of[i]] + 0) continue
            print by[i] " must not use " name " of " place[name]
            bad = 1
        }
        exit bad
    }' "$here/order" -
