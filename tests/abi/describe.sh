#!/bin/sh
# Describes what the public headers promise, as three lists that can be compared line by line:
# symbols (functions with their version nodes and types), values (enumerators and macros) and
# layout (sizes and offsets, asked of the compiler).
# usage: describe.sh INCLUDE MAP FOLDER   writes FOLDER/symbols, FOLDER/values and FOLDER/layout
include=$1
map=$2
folder=$3
here=$(dirname "$0")
cc=${CC:-cc}
mkdir -p "$folder" || exit 1
$cc -std=c11 -E -dD -I"$include" "$include/perpcore/perpcore.h" >"$folder/preprocessed" &&
    awk -v folder="$include/perpcore/" -f "$here/headers.awk" "$folder/preprocessed" \
        >"$folder/declared" || exit 1

awk -F '\t' -v map="$map" '
    BEGIN {
        while ((getline line <map) > 0) {
            if (line ~ /^PERPCORE_[0-9.]+ *\{/) node = substr(line, 1, index(line " ", " ") - 1)
            if (line ~ /^ *perp_[a-z0-9_]*;/) {
                gsub(/[ ;]/, "", line)
                nodes[line] = node
            }
        }
    }
    $1 == "function" { print $2, ($2 in nodes ? nodes[$2] : "no_node"), $3 }' \
    "$folder/declared" | LC_ALL=C sort >"$folder/symbols"

# A list of the library is a macro that hosts may use as well: it keeps the number of its columns.
awk -F '\t' '
    function literal(text) { return "\"" text "\"" }

    function line(text) {
        gsub(/"/, "\\\"", text)
        print "    fputs(" literal(text) " \"\\n\", values);"
    }

    # A list row by row, each known by its first two columns: later releases may add rows.
    function rows(name, parameters, text,    row, n, columns) {
        while (match(text, /X\([^()]*\)/)) {
            row = substr(text, RSTART + 2, RLENGTH - 3)
            text = substr(text, RSTART + RLENGTH)
            n = split(row, columns, /, */)
            line("row " name parameters "/" columns[1] "," columns[2] " " row)
        }
        line("macro " name parameters " columns=" n)
    }
    BEGIN {
        print "#include <perpcore/perpcore.h>\n#include <stdio.h>\n"
        print "#define ENUMERATOR(e, x) \\"
        print "    fprintf(values, \"%s %s %lld\\n\", #e, #x, (long long)(x))"
        print "#define SIZE(x) \\"
        print "    fprintf(layout, \"%s size=%zu align=%zu\\n\", #x, sizeof(x), _Alignof(x))"
        print "#define FIELD(s, f, type) \\"
        print "    fprintf(layout, \"%s.%s offset=%zu size=%zu %s\\n\", #s, #f, \\"
        print "            offsetof(s, f), sizeof(((s *)0)->f), type)"
        print "static void text(FILE *to, const char *name, const char *x) {"
        print "    fprintf(to, \"macro %s \\\"%s\\\"\\n\", name, x);\n}"
        print "static void real(FILE *to, const char *name, double x) {"
        print "    fprintf(to, \"macro %s %.17g\\n\", name, x);\n}"
        print "static void number(FILE *to, const char *name, long long x) {"
        print "    fprintf(to, \"macro %s %lld\\n\", name, x);\n}"
        print "#define MACRO(x) _Generic((x), char *: text, const char *: text, double: real, \\"
        print "    default: number)(values, #x, x)\n"
        print "int main(int argc, char **argv) {\n    if (argc != 3) return 1;"
        print "    FILE *values = fopen(argv[1], \"w\"), *layout = fopen(argv[2], \"w\");"
        print "    if (!values || !layout) return 1;"
        print "    SIZE(void *);"
    }
    $1 == "enumerator" { print "    ENUMERATOR(" $2 ", " $3 ");" }
    $1 == "macro" && $2 !~ /^PERP_(API$|VERSION_(MAJOR|MINOR|PATCH|NUMBER)$)/ {
        if ($3 == "") print "    MACRO(" $2 ");"
        else {
            if ($4 !~ /^X\(/) line("macro " $2 $3 " " $4)
            else rows($2, $3, $4)
        }
    }
    # The sign of an alias is not in its size.
    $1 == "alias" { line("alias " $2 " " $3) }
    $1 == "alias" { print "    SIZE(" $2 ");" }
    $1 == "enum" && $3 != "" { print "    SIZE(" $3 ");" }
    $1 == "struct" {
        name = $3 == "" ? "struct " $2 : $3
        print "    SIZE(" name ");"
    }
    $1 == "field" { print "    FIELD(" name ", " $3 ", " literal($4) ");" }
    END { print "    return fclose(values) || fclose(layout);\n}" }' \
    "$folder/declared" >"$folder/describe.c" &&
    $cc -std=c11 -I"$include" "$folder/describe.c" -o "$folder/describe" &&
    "$folder/describe" "$folder/values" "$folder/layout"
