# What the headers declare, for the two filters beside this file: names[NAME] of everything that can
# be linked to, and the entries of the X-macro lists (n_entries[LIST], entry[LIST, i], note[LIST, i]).
# Reads include/perpcore/*.h; run from the top of the source tree.

function read_header(file,    line, list, text) {
    while ((getline line < file) > 0) {
        while (line ~ /\\$/ && (getline text < file) > 0) {
            sub(/[ \t]*\\$/, " ", line)
            line = line text
        }
        if (match(line, /^#define PERP_[A-Z_]+_LIST\(X\)/)) {
            list = substr(line, 9, RLENGTH - 11)
            names[list] = 1
            read_entries(list, substr(line, RLENGTH + 1))
        } else {
            read_names(line)
        }
    }
    close(file)
}

# X(a, "b") X(c, "d") /* what d means */ ...
function read_entries(list, text,    n) {
    while (match(text, /X\([^()]*\)/)) {
        n = ++n_entries[list]
        entry[list, n] = substr(text, RSTART + 2, RLENGTH - 3)
        text = substr(text, RSTART + RLENGTH)
        if (match(text, /^[ \t]*\/\*[^\/]*\*\//)) {
            note[list, n] = substr(text, RSTART, RLENGTH)
            text = substr(text, RSTART + RLENGTH)
        }
    }
}

function read_names(line,    word) {
    if (line ~ /^#define PERP_X\(/) {
        template = line
    } else if (line ~ /^#define PERP_[A-Z0-9_]+/) {
        split(line, word, /[ (]/)
        if (word[2] !~ /_H$/ && word[2] != "PERP_API") names[word[2]] = 1
    } else if (line ~ /^PERP_API / && match(line, /perp_[a-z0-9_]+\(/)) {
        names[substr(line, RSTART, RLENGTH - 1)] = 1
    } else if (match(line, /^} perp_[a-z0-9_]+;/)) {
        names[substr(line, 3, RLENGTH - 3)] = 1
    } else if (match(line, /^enum perp_[a-z0-9_]+/)) {
        names[substr(line, 6, RLENGTH - 5)] = 1
    } else if (line ~ /^typedef [^{(]*;/ && match(line, /perp_[a-z0-9_]+[;[]/)) {
        names[substr(line, RSTART, RLENGTH - 1)] = 1
    }
    if (line ~ /^(enum|    [ ]*PERP_)/ && line !~ /_LIST\(/) {
        sub(/\/\*.*/, "", line)
        while (match(line, /PERP_[A-Z0-9_]+/)) {
            names[substr(line, RSTART, RLENGTH)] = 1
            line = substr(line, RSTART + RLENGTH)
        }
    }
    if (match(line, /^    PERP_[A-Z_]+_LIST\(PERP_X\)/)) read_members(substr(line, 5, RLENGTH - 12))
}

# The enumerators that the template in force makes of a list.
function read_members(list,    i, text, parts) {
    if (template !~ /##name,/ && template !~ / name = value,/) return
    for (i = 1; i <= n_entries[list]; i++) {
        split(expand(template, entry[list, i]), parts, /[ ,]/)
        names[parts[1]] = 1
    }
}

# "#define PERP_X(a, b) TEMPLATE" with the values of an entry for a and b. unused gets the rest of
# the columns: "b value".
function expand(definition, values,    start, n, parameter, value, i, body, found) {
    start = index(definition, ")")
    n = split(substr(definition, 16, start - 16), parameter, /, */)
    split(values, value, /, */)
    body = substr(definition, start + 2)
    unused = ""
    for (i = 1; i <= n; i++) {
        found = gsub("##" parameter[i] "##|##" parameter[i], value[i], body)
        body = " " body " "
        while (match(body, "[^A-Za-z0-9_]" parameter[i] "[^A-Za-z0-9_]")) {
            body = substr(body, 1, RSTART) value[i] substr(body, RSTART + RLENGTH - 1)
            found = 1
        }
        gsub(/^ | $/, "", body)
        if (!found) {
            unused = unused (unused == "" ? "" : ", ") \
                (parameter[i] == "text" ? "" : parameter[i] " ") value[i]
        }
    }
    return body
}

# Every word that is declared somewhere becomes a link.
function link_names(text,    result, word) {
    result = ""
    while (match(text, /(perp|PERP)_[A-Za-z0-9_]+/)) {
        word = substr(text, RSTART, RLENGTH)
        result = result substr(text, 1, RSTART - 1) \
            (word in names ? "\\ref " word " \"" word "\"" : word)
        text = substr(text, RSTART + RLENGTH)
    }
    return result text
}

# docs/risk.md is a page beside this one.
function link_guides(text,    result, page, file, line) {
    result = ""
    while (match(text, /docs\/[a-z-]+\.md/)) {
        file = substr(text, RSTART, RLENGTH)
        page = substr(file, 6, RLENGTH - 8)
        gsub(/-/, "_", page)
        result = result substr(text, 1, RSTART - 1) \
            ((getline line < file) > 0 ? "\\ref md_docs_" page : file)
        close(file)
        text = substr(text, RSTART + RLENGTH)
    }
    return result text
}

BEGIN {
    # lists.h first: the others use its lists.
    read_header("include/perpcore/lists.h")
    while (("ls include/perpcore/*.h" | getline header_file) > 0)
        if (header_file !~ /lists\.h$/) read_header(header_file)
    close("ls include/perpcore/*.h")
}
