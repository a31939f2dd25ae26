#!/bin/sh
# Prints the linker's map: every public function with its symbol version. A released function keeps
# the one that the committed list says; a new one gets that of the version in types.h.
# usage: map.sh [INCLUDE [LISTS]]
here=$(dirname "$0")
include=${1:-include}
lists=${2:-$here}
part() { sed -n "s/^#define PERP_VERSION_$1 //p" "$include/perpcore/types.h"; }
next=PERPCORE_$(part MAJOR).$(part MINOR)
newest=$(sh "$here/newest.sh" "$include" "$lists")
released=/dev/null
[ -z "$newest" ] || released=$lists/symbols-$newest.txt

sh "$here/exports.sh" "$include"/perpcore/*.h | awk -v next_node="$next" '
    FNR == NR && FILENAME != "-" { node[$1] = $2; next }
    { print ($1 in node ? node[$1] : next_node), $1 }' "$released" - |
    LC_ALL=C sort -s -k 1,1V | awk '
    function end_of_node() {
        if (node == "") return
        if (before == "") print "local:\n    *;"
        print "}" before ";"
        before = " " node
    }
    $1 != node {
        end_of_node()
        node = $1
        print node " {\nglobal:"
    }
    { print "    " $2 ";" }
    END { end_of_node() }'
