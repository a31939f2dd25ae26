#!/bin/sh
# Adding a rule is one row, one function and three cases: a trial rule is added so to a copy of the
# tree, and the evaluation, its explanation and the description must have it. Without its cases it
# must not compile, and three files are all that differ.
# usage: trial_rule.sh   (in the top folder; CC and LIB_LIBS as the Makefile sets them)
cc=${CC:-cc}
left_out() {
    echo "left out: $1"
    exit 77
}
[ -z "$SANITIZE" ] || left_out "a trial rule needs no sanitizer"
pkg-config --exists check libcjson 2>/dev/null || left_out "a trial rule needs check and libcjson"
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cp -r include lib "$folder" && mkdir -p "$folder/tests" && cp -r tests/unit "$folder/tests" || exit 1
passed=0
failed=0
result() {
    if [ "$2" = "$3" ]; then passed=$((passed + 1)); else
        echo "$1: $2 wanted, got $3"
        [ ! -f "$folder/log" ] || head -n 20 "$folder/log"
        failed=$((failed + 1))
    fi
}

# insert FILE LINE TEXT: puts TEXT before the first line of FILE that starts with LINE.
insert() {
    text=$3 start=$2 awk '
        index($0, ENVIRON["start"]) == 1 && !done { print ENVIRON["text"]; done = 1 }
        { print }
        END { exit !done }' "$1" >"$folder/edited" || left_out "$1 has no line $2"
    cat "$folder/edited" >"$folder/$1"
}

flags="-std=c11 -O0 -w -D_POSIX_C_SOURCE=200809L -DPERP_WITH_SQLITE=0 -Iinclude -Ilib -Itests"
flags="$flags $(pkg-config --cflags check libcjson)"
test_file=tests/unit/test_rule_cases.c
# shellcheck disable=SC2086 # flags are words
compiles() { (cd "$folder" && $cc $flags -c $test_file -o test.o) >"$folder/log" 2>&1; }

# The least that a row, a function and three cases can be.
insert include/perpcore/lists.h '    X(KILLED, ' \
    '    X(TRIAL, 39, "trial", job, SOFT, PASSES, ALWAYS, PASSES, "priority", "", ABOVE, RISK, blackout_minutes, "") \'
if compiles; then found=compiles; else found="does not"; fi
result "a rule without its cases" "does not" "$found"

insert lib/risk/rules.c 'static struct perp_measured rule_KILLED(' \
    'static struct perp_measured rule_TRIAL(const struct perp_scope_job *scope) {
    return perp_measured(scope->job->priority);
}
'
insert $test_file '/* ---- The table ' \
    'static struct measured trial(struct world *w, perp_job *job, double given) {
    (void)w;
    job->priority = (int32_t)given;
    return (struct measured){given, 10};
}
#define CASES_TRIAL trial, {9, 10, 11}, NULL
'
compiles
result "a rule with its cases" 0 $?

# shellcheck disable=SC2086,SC2016
(cd "$folder" && ls lib/*/*.c | grep -v /sqlite | flags=$flags cc=$cc xargs -P 2 -n 6 sh -c '
    for source; do
        $cc $flags -c "$source" -o "$(echo "$source" | tr / _).o" || exit 1
    done' objects && $cc *.o -o trial -pthread ${LIB_LIBS:-$(pkg-config --libs libcjson) -lm} \
    $(pkg-config --libs check)) >"$folder/log" 2>&1
result "the library with the trial rule builds" 0 $?

# Its cases are run, and the test of the texts looks at every row.
CK_VERBOSITY=verbose "$folder/trial" >"$folder/log" 2>&1
result "the trial rule's cases and texts" 0 $?
rules=$(grep -c '^    X([A-Z_]*, [0-9]*, "[a-z_]*", [a-z]*, [HS]' "$folder/include/perpcore/lists.h")
cases=$(grep -c ':a_rule_passes_fails_and_has_its_edge' "$folder/log")
result "cases of $rules rules" $((3 * rules)) "$cases"

differ=0
for file in $(cd "$folder" && find include lib tests -type f); do
    cmp -s "$file" "$folder/$file" || differ=$((differ + 1))
done
result "files that adding a rule touches" 3 $differ

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
