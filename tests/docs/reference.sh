#!/bin/sh
# The API reference: everything public has a comment, Doxygen has nothing to complain of, and what
# the filters of docs/doxygen promise is in the pages it writes.
# usage: reference.sh BUILD   (Doxygen's part is left out where it is not installed)
folder=$1/docs-reference
rm -rf "$folder"
mkdir -p "$folder" || exit 1
sh tests/docs/comments.sh >"$folder/log"
grep -v ' passed, ' "$folder/log"
figures=$(sed -n '$s/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$folder/log")
[ -n "$figures" ] || figures="0 1"
passed=${figures% *}
failed=${figures#* }

# try WHAT COMMAND...
try() {
    what=$1
    shift
    if "$@" >"$folder/log" 2>&1; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "$what"
        head -n 40 "$folder/log"
    fi
}

# Links lead to what was written.
dead_links() {
    grep -oh 'href="[^"#]*' "$folder"/html/*.html | sed 's/href="//' | sort -u | {
        dead=0
        while read -r link; do
            case $link in
            http://* | https://* | "") ;;
            *) [ -e "$folder/html/$link" ] || { dead=1; echo "$link"; } ;;
            esac
        done
        [ $dead -eq 0 ]
    }
}

# page_has FILE PATTERN
page_has() { try "$1 has no $2" grep -q -- "$2" "$folder/html/$1"; }

case $(doxygen --version 2>/dev/null) in
1.9.*)
    try "doxygen warns" env DOCS_FOLDER="$folder" DOCS_VERSION=test doxygen docs/Doxyfile
    for function in $(sh tests/abi/exports.sh); do
        try "no entry for $function" grep -rqF "$function()</h2>" "$folder/html"
    done
    # Nothing that is meant for Doxygen is left in what it writes.
    try "a command is left in a page" sh -c \
        '! grep -lE "(@|\\\\)(section|subsection|code|endcode|ref|image)[ {]" "$1"/*.html' - "$folder/html"
    try "dead links" dead_links
    # Names in comments and pages are links, and lists are written out.
    page_has core_8h.html '<a class="el" href="types_8h.html#[a-z0-9]*">PERP_E_CORRUPT</a>'
    page_has md_docs_capital.html '<a class="el" href="capital_8h.html#[a-z0-9]*">perp_capital_reserve</a>'
    page_has md_docs_core.html 'href="md_docs_risk.html#risk-modes"'
    page_has types_8h.html 'PERP_REASON_SELF_TRADE'
    page_has monitor_8h.html 'system_status'
    page_has config_8h.html 'conservative 5, balanced 3, aggressive 1.5'
    # A comment before several functions is that of each.
    page_has capital_8h.html 'perp_capital_reserve_for_arb</a>'
    ;;
*) echo "left out: the pages of the API reference (need doxygen 1.9)" ;;
esac

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
