# Writes the public headers as one header, as an older or a newer release would have them: each
# struct that may grow is without its last fields, or has more of them.
# usage: awk -F '\t' -v fixed="STRUCT..." [-v cut=N -v host=HOST.C | -v grow=1] -f regrow.awk
#   DECLARED. cut: up to N fields of each, as far as host does not use a field of that name; the
#   first two stay

function grows(name) { return !(name in is_fixed) && first[name] == "uint32_t struct_size" }

function structure(name,    i, n) {
    n = fields[name]
    if (grows(name))
        for (i = 0; i < cut && n > 2 && !(field[name, n] in used); i++) n--
    print "typedef struct " tag[name] " {"
    for (i = 1; i <= n; i++) print "    " text[name, i] ";"
    if (grow && grows(name)) print "    uint64_t newer[2];"
    print "} " name ";"
}

BEGIN {
    n = split(fixed, names, /[ \n]+/)
    for (i = 1; i <= n; i++) is_fixed[names[i]] = 1
    while (host != "" && (getline line <host) > 0)
        while (match(line, /(->|\.)[a-z_0-9]+/)) {
            word = substr(line, RSTART, RLENGTH)
            sub(/^(->|\.)/, "", word)
            used[word] = 1
            line = substr(line, RSTART + RLENGTH)
        }
    print "#ifndef PERPCORE_REGROWN_H\n#define PERPCORE_REGROWN_H"
    print "#include <stddef.h>\n#include <stdint.h>"
}
$1 == "struct" {
    name = $3
    tag[name] = $2
    order[++things] = "struct " name
    print "struct " $2 ";"
}
$1 == "field" {
    field[name, ++fields[name]] = $3
    text[name, fields[name]] = $5
    if (fields[name] == 1) first[name] = $4 " " $3
}
$1 == "enum" {
    enumeration = $2
    order[++things] = "enum " $2
    alias[$2] = $3
}
$1 == "enumerator" { list[enumeration] = list[enumeration] "    " $4 ",\n" }
$1 == "opaque" { order[++things] = "typedef struct " $2 " " $2 }
$1 == "alias" {
    array = match($3, / ?\[.*/) ? substr($3, RSTART) : ""
    sub(/ ?\[.*/, "", $3)
    order[++things] = "typedef " $3 " " $2 array
}
$1 == "function" { order[++things] = $4 }
$1 == "macro" { macros = macros "#define " $2 $3 " " $4 "\n" }
END {
    for (i = 1; i <= things; i++) {
        n = split(order[i], words, " ")
        if (words[1] == "struct" && n == 2) structure(words[2])
        else if (words[1] == "enum" && n == 2)
            print (alias[words[2]] == "" ? "" : "typedef ") "enum " words[2] " {\n" \
                list[words[2]] "} " alias[words[2]] ";"
        else print order[i] ";"
    }
    print macros "#endif"
}
