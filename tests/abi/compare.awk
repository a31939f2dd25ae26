# Compares a list that describe.sh wrote with the committed one of the last release. Prints a line
# "broke: ..." for whatever a program built against that release would meet, and "new: ..." for
# additions.
# usage: awk -v list=symbols|values|layout -v fixed="STRUCT..." -f compare.awk COMMITTED NOW
#   fixed: the structs that never grow

function broke(text) { print "broke: " text }

function number(line, key) {
    if (!match(line, key "=[0-9]+")) return -1
    return substr(line, RSTART + length(key) + 1, RLENGTH - length(key) - 1) + 0
}

# Symbols: name, node, type. Values: "enum NAME" or "macro NAME", value. Layout: name, the rest.
function key_of() {
    return list == "values" ? $1 " " $2 : list == "layout" && $2 == "*" ? $1 " " $2 : $1
}

function struct_of(key) { return substr(key, 1, index(key, ".") - 1) }

# Room that a release kept free, so that a later one can put something there.
function is_room(key, line) {
    return key ~ /\.reserved[0-9]*$/ && line ~ / (uint32_t|uint64_t \[[0-9]+\]|void \* \[[0-9]+\])$/
}

# A later release may make …_COUNT greater: it says how many there are and means nothing else.
function is_count(key) { return key ~ /_COUNT$/ }

function value(line) { return substr(line, match(line, /-?[0-9]+$/)) + 0 }

# A struct that grows may be the last field of one that grows.
function grew_at_end(key,    type) {
    type = was[key]
    sub(/.* /, "", type)
    return last[struct_of(key)] == key && (type in grows) &&
        number(now[key], "size") > number(was[key], "size") &&
        number(now[key], "offset") == number(was[key], "offset")
}

function changed(key) {
    if (list == "values") return !(is_count(key) && value(now[key]) > value(was[key]))
    if (list == "layout" && struct_of(key) != "")
        return !is_room(key, was[key]) && !grew_at_end(key)
    if (list == "layout" && key in grows)
        return number(now[key], "size") < number(was[key], "size") ||
            number(now[key], "align") != number(was[key], "align")
    return 1
}

# A field that is new lies in room of the last release, or past all that an older host may have had
# in its struct, the padding at its end included.
function added_field(key,    struct, start, end, room) {
    struct = struct_of(key)
    if (!(struct in was)) return
    start = number(now[key], "offset")
    end = start + number(now[key], "size")
    for (room in was)
        if (struct_of(room) == struct && is_room(room, was[room]) &&
            start >= number(was[room], "offset") &&
            end <= number(was[room], "offset") + number(was[room], "size"))
            return
    if (!(struct in grows))
        broke(key " is new in a struct that never grows")
    else if (start < number(was[struct], "size"))
        broke(key " is new at offset " start " of a struct that had " \
            number(was[struct], "size") " bytes")
}

BEGIN {
    n = split(fixed, names, " ")
    for (i = 1; i <= n; i++) is_fixed[names[i]] = 1
}
FNR == 1 { files++ }
files == 1 {
    key = key_of()
    was[key] = $0
    keys[++n_was] = key
    if (list == "symbols") released[$2] = 1
    if (list == "layout" && struct_of(key) != "") last[struct_of(key)] = key
    if (list == "layout" && key ~ /\.struct_size$/ && !(struct_of(key) in is_fixed))
        grows[struct_of(key)] = 1
    next
}
{
    key = key_of()
    now[key] = $0
    order[++n_now] = key
}
END {
    if (files != 2) broke("there is nothing to compare")
    for (i = 1; i <= n_was; i++) {
        key = keys[i]
        if (!(key in now)) {
            if (!(list == "layout" && is_room(key, was[key]))) broke("gone: " was[key])
        } else if (now[key] != was[key] && changed(key)) {
            broke(was[key] "\n   now: " now[key])
        }
    }
    for (i = 1; i <= n_now; i++) {
        key = order[i]
        if (key in was) continue
        print "new: " now[key]
        if (list == "layout" && struct_of(key) != "") added_field(key)
        split(now[key], words, " ")
        if (list == "symbols" && words[2] in released)
            broke(key " is new, but of the released node " words[2] \
                ": raise PERP_VERSION_MINOR, make map")
    }
}
