# Doxygen's view of a Markdown page: names of the API in code spans become links, and headings get
# the anchors that links between pages ask for.
# usage: awk -f names.awk -f page.awk FILE

# Links lead to anchors as GitHub makes them: "Soft rules" is #soft-rules, a second one of that name
# #soft-rules-1. Doxygen's anchors are one namespace, so the page's name stands before.
function anchor(page, text) {
    text = tolower(text)
    gsub(/[^a-z0-9 _-]/, "", text)
    gsub(/ /, "-", text)
    if (text in seen) return page "-" text "-" seen[text]++
    seen[text] = 1
    return page "-" text
}

function page_of(file) {
    sub(/.*\//, "", file)
    sub(/\.md$/, "", file)
    return file
}

# `name` or `name(...)`, where the name is declared, as a link.
function link_spans(text,    result, span, word, rest) {
    result = ""
    while (match(text, /`[^`]+`/)) {
        span = substr(text, RSTART + 1, RLENGTH - 2)
        rest = substr(text, RSTART + RLENGTH)
        result = result substr(text, 1, RSTART - 1)
        if (match(span, /^(perp|PERP)_[A-Za-z0-9_]+/)) {
            word = substr(span, 1, RLENGTH)
            if (word in names) {
                result = result "\\ref " word " \"" word "\""
                span = substr(span, RLENGTH + 1)
            }
        }
        if (span != "") result = result "`" span "`"
        text = rest
    }
    return result text
}

# Only pages and what stands beside them are copied: a link to a source is its text.
function drop_links(text,    result, link) {
    result = ""
    while (match(text, /\[[^\]]*\]\([^)]*\)/)) {
        link = substr(text, RSTART, RLENGTH)
        if (link !~ /\]\((https?:|#)/ && link !~ /(\.md|\.png|\.svg|LICENSE|\.json)(#[^)]*)?\)$/)
            link = substr(link, 2, index(link, "](") - 2)
        result = result substr(text, 1, RSTART - 1) link
        text = substr(text, RSTART + RLENGTH)
    }
    return result text
}

# [text](page.md#anchor) and [text](#anchor).
function link_anchors(text,    result, target, at) {
    result = ""
    while (match(text, /\]\([a-zA-Z\/.-]*#[^)]*\)/)) {
        target = substr(text, RSTART + 2, RLENGTH - 3)
        result = result substr(text, 1, RSTART - 1)
        at = index(target, "#")
        target = page_of(at == 1 ? FILENAME : substr(target, 1, at - 1)) "-" substr(target, at + 1)
        result = result "](@ref " target ")"
        text = substr(text, RSTART + RLENGTH)
    }
    return result text
}

/^[ \t]*```/ {
    fenced = !fenced
    # Doxygen colours by the ending of a file's name; for these it knows none.
    if (fenced && !/```(c|cpp|python)$/) sub(/```.*/, "```")
    print
    next
}
fenced { print; next }
/^## / || /^### / {
    text = $0
    sub(/^#+ */, "", text)
    print $0 " {#" anchor(page_of(FILENAME), text) "}"
    next
}
/^<!--/ { print ""; next }
# A picture's description would be its caption, and must not go over several lines.
/^!\[/ {
    picture = $0
    while (picture !~ /\]\([^)]*\)/ && (getline more) > 0) picture = picture " " more
    sub(/^!\[[^]]*\]/, "![]", picture)
    print picture
    next
}
{ print link_anchors(link_spans(drop_links($0))) }
