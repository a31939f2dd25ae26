#!/bin/sh
# The Debian symbols file of the library: each function with the release that first had it, which
# is what the nodes of lib/perpcore.map are named after.
# usage: symbols.sh MAP
echo "libperpcore.so.0 libperpcore0 #MINVER#"
echo "* Build-Depends-Package: libperpcore-dev"
awk '
    function since_node(symbol) { print " " symbol "@" node " " substr(node, length("PERPCORE_") + 1) }
    /^PERPCORE_[0-9.]+ \{/ { node = $1; since_node(node) }
    /^ *perp_[a-z0-9_]*;$/ { gsub(/[ ;]/, ""); since_node($0) }' "$1"
