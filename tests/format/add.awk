# Adds a field to the end of rows of rows.def or events.def: trial, with the next tag.
# usage: awk -v only=NAME -v preset=N -v but="NAME NAME" -f add.awk FILE
# only: "" for every row.
function flush_row() {
    if (name != "" && (only == "" || only == name) && index(" " but " ", " " name " ") == 0) {
        sub(/[ \t]*$/, "", held)
        held = held " F##ONE(" (tag + 1) ", U64, trial, " preset ")"
    }
    if (held != "")
        print held
    held = name = ""
}
{
    line = $0
    more = sub(/[ \t]*\\$/, "", line)
    if (match(line, /^#define PERP_(ROW|EV)_[A-Z_]+\(F\)/)) {
        name = substr(line, 9, RLENGTH - 11)
        sub(/^PERP_/, "", name)
        tag = 0
        held = ""
    } else if (name == "") {
        print $0
        next
    }
    rest = line
    while (match(rest, /F##[A-Z_]+\([0-9]+/)) {
        word = substr(rest, RSTART, RLENGTH)
        sub(/.*\(/, "", word)
        tag = word + 0
        rest = substr(rest, RSTART + RLENGTH)
    }
    held = held (held == "" ? "" : " \\\n") line
    if (!more)
        flush_row()
}
