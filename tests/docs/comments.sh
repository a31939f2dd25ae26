#!/bin/sh
# Every function, struct, enumeration and callback of the public headers has a comment, as the API
# reference understands comments. The last line is "N passed, N failed".
for header in include/perpcore/*.h; do
    awk -f docs/doxygen/names.awk -f docs/doxygen/header.awk "$header" |
        awk -v header="$header" '
            function judge(what) {
                if (commented || $0 ~ /\/\*\*</) print "passed"
                else print header ": " what " has no comment"
            }
            /^PERP_API / && match($0, /perp_[a-z0-9_]+\(/) {
                judge(substr($0, RSTART, RLENGTH - 1))
            }
            /^(typedef )?(struct|enum) .*{/ { name = $0; sub(/ {.*/, "", name); judge(name) }
            match($0, /^    [a-z].*\(\*[a-z_]+\)\(/) {
                name = $0
                sub(/.*\(\*/, "", name)
                sub(/\).*/, "", name)
                judge("callback " name)
            }
            { commented = / \*\/$/ && (/^\/\*\*[^<]/ || inside) }
            /^\/\*\*/ { inside = 1 }
            /\*\/$/ { inside = 0 }'
done | awk '
    $0 == "passed" { passed++; next }
    { failed++; print }
    END { printf "%d passed, %d failed\n", passed, failed; exit failed > 0 || passed == 0 }'
