# Every public struct starts with uint32_t struct_size, or docs/versioning.md says why it never
# grows. One that is part of another struct cannot grow either, but as its last field.
# usage: awk -F '\t' -v fixed="STRUCT..." -f structs.awk DECLARED

BEGIN {
    n = split(fixed, names, /[ \n]+/)
    for (i = 1; i <= n; i++) if (names[i] != "") is_fixed[names[i]] = 1
}
$1 == "struct" {
    name = $3 == "" ? "struct " $2 : $3
    is_struct[name] = 1
    order[++structs] = name
}
$1 == "field" {
    if (!(name in first)) first[name] = $4 " " $3
    if (name in end) inner[end[name]] = name
    end[name] = ""
    type = $4
    sub(/ ?\[.*/, "", type)
    if (type in is_struct && $4 != type) inner[type] = name
    else if (type in is_struct) end[name] = type
}
END {
    for (i = 1; i <= structs; i++) {
        name = order[i]
        if (name in is_fixed) continue
        if (first[name] != "uint32_t struct_size")
            print "broke: " name " does not start with uint32_t struct_size, and is not in the" \
                " table of docs/versioning.md"
        else if (name in inner)
            print "broke: " name " is part of " inner[name] ", so it cannot grow, and is not in" \
                " the table of docs/versioning.md"
    }
    for (name in is_fixed)
        if (!(name in is_struct)) print "broke: the table names " name ", which is no struct"
}
