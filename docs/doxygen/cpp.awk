# Doxygen's view of the C++ headers: comments of whole lines before a declaration, and those behind
# one, become documentation; headlines (// ---- …) and what is put into namespace std are left out.
# usage: awk -f names.awk -f cpp.awk FILE

function text_of(comment) {
    gsub(/[\\@<>#*&%$|~]/, "\\\\&", comment)
    return link_guides(link_names(comment))
}

# The comment lines that wait, as documentation of what follows or else as what they are.
function write_comment(documents,    i) {
    for (i = 1; i <= n; i++) print (documents ? "/// " : "// ") comment[i]
    n = 0
}

# A specialisation of std::..., up to its end.
inside_std { if (/^};/) inside_std = 0; print ""; next }
/^template <.*struct std::/ { write_comment(0); inside_std = !/};$/; print ""; next }

/^[ \t]*\/\/ ----/ { print ""; next }
/^[ \t]*\/\/ / {
    match($0, /\/\/ /)
    comment[++n] = text_of(substr($0, RSTART + 3))
    next
}
# The first comment is the file's. One before the namespace or the preprocessor is for readers of
# the source.
n > 0 {
    if (!opened) print "/// @file"
    write_comment(!opened || !/^(#|namespace|$)/)
    opened = 1
}
# Not inside of a text: an address has // too.
/[;,{}] +\/\/ / {
    match($0, /[;,{}] +\/\/ /)
    print substr($0, 1, RSTART) " ///< " text_of(substr($0, RSTART + RLENGTH))
    next
}
{ print }
