# Reads the public headers after the preprocessor (cc -E -dD) and prints what they declare, one
# thing a line, columns separated by tabs:
#   macro NAME PARAMETERS TEXT        alias NAME TYPE           opaque TAG
#   enum TAG ALIAS                    enumerator TAG NAME TEXT
#   struct TAG ALIAS                  field TAG NAME TYPE DECLARATION
#   function NAME TYPE DECLARATION
# What it cannot read ends it with an error, so that nothing is left out unseen.
# usage: awk -v folder=include/perpcore/ -f headers.awk

function trim(text) {
    gsub(/[ \t]+/, " ", text)
    sub(/^ /, "", text)
    sub(/ $/, "", text)
    return text
}

function give_up(what, text) {
    print "headers.awk: cannot read this " what ": " text >"/dev/stderr"
    failed = 1
    exit 1
}

# The parts of text between commas outside of brackets, into parts[1..n].
function split_list(text, parts,    n, i, c, depth, part) {
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (c ~ /[({[]/) depth++
        if (c ~ /[)}\]]/) depth--
        if (c == "," && depth == 0) {
            parts[++n] = trim(part)
            part = ""
        } else {
            part = part c
        }
    }
    if (trim(part) != "") parts[++n] = trim(part)
    return n
}

# The name that a declaration declares: of a pointer to a function, an array or a plain field.
function declared(text,    name) {
    if (match(text, /\( ?\* ?[A-Za-z_][A-Za-z0-9_]* ?\)/)) {
        name = substr(text, RSTART, RLENGTH)
        gsub(/[^A-Za-z0-9_]/, "", name)
        return name
    }
    sub(/ ?\[.*$/, "", text)
    return match(text, /[A-Za-z_][A-Za-z0-9_]*$/) ? substr(text, RSTART) : ""
}

# A declaration without the name that it declares: its type.
function type_of(text, name,    start) {
    if (match(text, /\( ?\* ?[A-Za-z_][A-Za-z0-9_]* ?\)/))
        return trim(substr(text, 1, RSTART - 1) "(*)" substr(text, RSTART + RLENGTH))
    start = match(text, name " ?(\\[.*)?$")
    return trim(substr(text, 1, start - 1) substr(text, start + length(name)))
}

function field(tag, text,    name) {
    name = declared(text)
    if (name == "" || text ~ /^(struct|union|enum) ?[A-Za-z0-9_]* ?\{/ || index(text, ":"))
        give_up("field of " tag, text)
    print "field", tag, name, type_of(text, name), text
}

function structure(text,    tag, alias, body, n, parts, i) {
    tag = trim(substr(text, 1, index(text, "{") - 1))
    sub(/^typedef /, "", tag)
    sub(/^struct ?/, "", tag)
    body = substr(text, index(text, "{") + 1)
    match(body, /\}[^}]*$/)
    alias = trim(substr(body, RSTART + 1))
    body = substr(body, 1, RSTART - 1)
    if (tag == "" || body ~ /[{}]/) give_up("struct", text)
    print "struct", tag, alias
    n = split(body, parts, ";")
    for (i = 1; i <= n; i++)
        if (trim(parts[i]) != "") field(tag, trim(parts[i]))
}

function enumeration(text,    tag, alias, n, parts, i, name) {
    tag = trim(substr(text, 1, index(text, "{") - 1))
    sub(/^typedef /, "", tag)
    sub(/^enum ?/, "", tag)
    alias = trim(substr(text, index(text, "}") + 1))
    text = substr(text, 1, index(text, "}") - 1)
    if (tag == "") give_up("enum", text)
    print "enum", tag, alias
    n = split_list(substr(text, index(text, "{") + 1), parts)
    for (i = 1; i <= n; i++) {
        name = parts[i]
        sub(/[ =].*/, "", name)
        print "enumerator", tag, name, parts[i]
    }
}

# A parameter's name is no part of the function's type.
function function_of(text,    name, result, n, parts, i, types, parameter) {
    name = substr(text, 1, index(text, "(") - 1)
    if (!match(name, /[A-Za-z_][A-Za-z0-9_]* ?$/)) give_up("function", text)
    result = trim(substr(name, 1, RSTART - 1))
    name = trim(substr(name, RSTART))
    parameter = substr(text, index(text, "(") + 1)
    sub(/\)[^)]*$/, "", parameter)
    n = split_list(parameter, parts)
    for (i = 1; i <= n; i++) {
        parameter = parts[i] == "void" ? "void" : type_of(parts[i], declared(parts[i]))
        types = types (i > 1 ? ", " : "") parameter
    }
    print "function", name, result " (" types ")", text
}

function statement(text) {
    text = trim(text)
    if (sub(/^__attribute__ ?\(\(visibility\("default"\)\)\) ?/, "", text)) function_of(text)
    else if (text ~ /^(typedef )?struct [A-Za-z0-9_]+ ?\{/) structure(text)
    else if (text ~ /^(typedef )?enum [A-Za-z0-9_]+ ?\{/) enumeration(text)
    else if (text ~ /^typedef struct [A-Za-z0-9_]+ [A-Za-z0-9_]+$/) {
        sub(/.* /, "", text)
        print "opaque", text
    } else if (text ~ /^typedef [^(){}]+$/) {
        sub(/^typedef /, "", text)
        print "alias", declared(text), type_of(text, declared(text))
    } else if (text !~ /^struct [A-Za-z0-9_]+$/ && text != "")
        give_up("declaration", text)
}

BEGIN { OFS = "\t" }
/^# [0-9]+ "/ {
    ours = index($3, folder) > 0
    next
}
!ours { next }
/^#undef / {
    delete macro[$2]
    next
}
/^#define / {
    text = substr($0, 9)
    match(text, /^[A-Za-z0-9_]+(\([^)]*\))?/)
    name = substr(text, 1, RLENGTH)
    text = trim(substr(text, RLENGTH + 1))
    parameters = ""
    if (start = index(name, "(")) {
        parameters = substr(name, start)
        name = substr(name, 1, start - 1)
    }
    if (!(name in seen)) order[++macros] = name
    seen[name] = 1
    macro[name] = parameters "\t" text
    next
}
/^#/ { next }
{
    for (i = 1; i <= length($0); i++) {
        c = substr($0, i, 1)
        if (c == "{") depth++
        if (c == "}") depth--
        if (c == ";" && depth == 0) {
            statement(held)
            held = ""
        } else {
            held = held c
        }
    }
    held = held " "
}
END {
    if (failed) exit 1
    if (trim(held) != "") give_up("end", held)
    for (i = 1; i <= macros; i++)
        if (order[i] in macro && macro[order[i]] != "\t") print "macro", order[i], macro[order[i]]
}
