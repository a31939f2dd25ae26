# Doxygen's view of a public header: the plain comments become documentation.
#   - A comment before a declaration is its documentation, and that of those which follow it without
#     an empty line between.
#   - A comment behind a declaration is its documentation too.
#   - A comment that stands alone belongs to the file.
#   - What the X-macro lists stand for is written out.
# usage: awk -f names.awk -f header.awk FILE

# The text of a comment, without its delimiters.
function text_of(comment) {
    sub(/^[ \t]*\/\*+/, "", comment)
    sub(/[ \t]*\*+\/[ \t]*$/, "", comment)
    gsub(/\n[ \t]*\*/, "\n", comment)
    gsub(/[\\@<>#*&%$|`~]/, "\\\\&", comment)
    gsub(/ _/, " \\_", comment)
    gsub(/\.\./, ".\\.", comment)
    return link_guides(link_names(comment))
}

function braces(text,    opened, closed) {
    gsub(/"[^"]*"/, "", text)
    opened = gsub(/{/, "", text)
    closed = gsub(/}/, "", text)
    return opened - closed
}

# A line of code, with the documentation that waits for it.
function code(line,    comment, start) {
    if (line ~ /^struct [a-z_]+;$/) { print ""; return }
    if (line ~ /^[ \t]*#undef PERP_X/) { print ""; return }
    if (line ~ /^[ \t]*#define PERP_X\(/) {
        print ""
        while (sub(/[ \t]*\\$/, " ", line) && (getline more) > 0) {
            line = line more
            print ""
        }
        template = line
        return
    }
    if (match(line, /PERP_[A-Z_]+_LIST\(PERP_X\)/)) {
        write_list(substr(line, RSTART, RLENGTH - 8))
        return
    }
    if (line ~ /^#(if|endif|else|include|undef)/ || line ~ /^extern "C"/ || line == "}") {
        documentation = ""
        print line
        return
    }
    if (starts && documentation != "") {
        print "/**" documentation " */"
        if (depth > 0) documentation = ""
    }
    start = index(line, "/*")
    if (start > 0) {
        comment = substr(line, start)
        line = substr(line, 1, start - 1)
        while (comment !~ /\*\// && (getline more) > 0) comment = comment "\n" more
    }
    opening = braces(line)
    if (opening > 0 && depth == 0) documentation = ""
    depth += opening
    starts = line ~ /[;{}][ \t]*$/ || (depth > 0 && line ~ /,[ \t]*$/)
    if (line ~ /^#define/) {
        while (line ~ /\\$/ && (getline more) > 0) line = line "\n" more
        starts = 1
    }
    print line (comment == "" ? "" : "/**<" text_of(comment) " */")
}

function write_list(list,    i, body, text) {
    for (i = 1; i <= n_entries[list]; i++) {
        body = expand(template, entry[list, i])
        text = note[list, i] != "" ? text_of(note[list, i]) : text_of(unused)
        print body (text == "" ? "" : " /**< " text " */")
    }
}

BEGIN { starts = 1 }

/^[ \t]*\/\*/ {
    comment = $0
    while (comment !~ /\*\// && (getline more) > 0) comment = comment "\n" more
    documentation = text_of(comment)
    if (!opened) {
        print "/** @file\n" documentation " */"
        opened = 1
        documentation = ""
    }
    alone = depth == 0
    next
}

/^[ \t]*$/ {
    # A comment that stands alone.
    if (alone && documentation != "") print "/** @file\n\\details" documentation " */"
    alone = 0
    if (depth == 0) { documentation = ""; starts = 1 }
    print ""
    next
}

{ alone = 0; code($0) }
