#!/bin/sh
# The C ABI reached from Rust: bindgen's declarations have all that the headers have, its layout
# tests pass, and the sample in examples/rust prints what expected.txt says.
# usage: run.sh BUILD   (the shared library must be there)
build=$1
here=tests/rust
sample=examples/rust
folder=$build/rust
export LC_ALL=C RUST_BACKTRACE=0
for tool in rustc bindgen; do
    if ! command -v $tool >/dev/null; then
        echo "left out: Rust (needs rustc and bindgen)"
        exit 77
    fi
done
if [ -n "$SANITIZE" ]; then
    echo "left out: Rust (not with sanitizers)"
    exit 77
fi
rm -rf "$folder"
mkdir -p "$folder/stores" || exit 1
passed=0
failed=0

# result WHAT: counts the command before it, and fails where that did.
result() {
    if [ $? -eq 0 ]; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "FAILED: $1"
        return 1
    fi
}

# same WHAT EXPECTED ACTUAL: two files are equal.
same() {
    diff "$folder/$2" "$folder/$3"
    result "$1 (< expected, > found)"
}

# none WHAT: nothing was written to the file found.
none() {
    [ ! -s "$folder/found" ] || { cat "$folder/found"; false; }
    result "$1"
}

# ---- The sample ----------------------------------------------------------------------------------

# Without SQLite there is no store, and of the tests only those of layouts are left.
tests=""
if ! nm -D "$build/lib/libperpcore.so" | grep -q ' U sqlite3_open'; then
    echo "left out: running the Rust sample (needs the SQLite store)"
    tests=bindgen_test_layout
fi

# The compiler of the path and the system's own, where that is another one.
compilers=rustc
if [ -x /usr/bin/rustc ] && [ "$(/usr/bin/rustc --version)" != "$(rustc --version)" ]; then
    compilers="rustc /usr/bin/rustc"
fi
library=$(cd "$build/lib" && pwd)
for rustc in $compilers; do
    echo "$($rustc --version), $(bindgen --version)"
    RUSTC=$rustc sh $sample/build.sh include "$build/lib" "$folder"
    result "$sample/build.sh" || continue
    out=$(cd "$folder" && pwd)
    OUT_DIR=$out $rustc --edition 2021 -D warnings --test $here/binding.rs -o "$folder/binding" \
        -L "$library" -l perpcore -C link-arg=-Wl,-rpath,"$library"
    result "$here/binding.rs compiles"
    rm -f "$folder"/stores/*
    STORES=$folder/stores "$folder/binding" $tests >"$folder/binding.log" 2>&1
    result "$here/binding.rs" || cat "$folder/binding.log"
    # "test result: ok. 80 passed; 0 failed; …"
    counts=$(sed -n 's/^test result: [^0-9]*\([0-9]*\) passed; \([0-9]*\) failed.*/\1 \2/p' \
        "$folder/binding.log")
    if [ -n "$counts" ]; then
        passed=$((passed + ${counts% *}))
        failed=$((failed + ${counts#* }))
    fi
    [ -n "$tests" ] && continue

    "$folder/sample" "$folder/stores/sample.db" >"$folder/sample.out" 2>"$folder/sample.err"
    result "the sample ends well" || cat "$folder/sample.err"
    cp $here/expected.txt "$folder/sample.expected"
    same "what the sample prints" sample.expected sample.out
    # The panic of its executor is told, and is all that is.
    grep -q 'a bug in the executor' "$folder/sample.err"
    result "the executor's panic is logged"
    "$folder/sample" "$folder/stores/sample.db" >"$folder/again.out" 2>&1
    [ $? -eq 2 ] && grep -q '^usage' "$folder/again.out"
    result "a store that is there already is not touched"
    if ! command -v valgrind >/dev/null; then
        echo "left out: the memory of the Rust sample (needs valgrind)"
        continue
    fi
    valgrind --quiet --error-exitcode=9 --leak-check=full --errors-for-leak-kinds=definite \
        "$folder/sample" "$folder/stores/valgrind.db" >"$folder/valgrind.log" 2>&1
    result "the sample's memory" || cat "$folder/valgrind.log"
done

# ---- What the declarations have ------------------------------------------------------------------

# One line, without spaces that say nothing: with and without rustfmt it is the same text.
tr -s '\n ' '  ' <"$folder/bindings.rs" | sed 's/ *\([][(),:;*<>={}|-]\) */\1/g' >"$folder/flat"
grep -o 'pub fn perp_[^;]*;' "$folder/flat" >"$folder/functions"
grep -o 'pub struct [a-z0-9_]*{[^}]*}' "$folder/flat" >"$folder/structs"

sh tests/abi/exports.sh >"$folder/exported"
sed 's/pub fn //; s/(.*//' "$folder/functions" | sort >"$folder/bound"
same "functions" exported bound

cat include/perpcore/*.h | sed -n 's/^typedef struct \(perp_[a-z0-9_]*\) {.*/\1/p' | sort \
    >"$folder/declared"
grep -o 'fn bindgen_test_layout_perp_[a-z0-9_]*' "$folder/flat" | sed 's/.*_layout_//' | sort \
    >"$folder/laid_out"
same "structs whose layout is tested" declared laid_out

# Macros with a value, save those that make the lists and other text.
cat include/perpcore/*.h |
    sed -n 's/^#define \(PERP_[A-Z0-9_]*\)\( [^ ].*\| *\\\)$/\1/p' |
    grep -vxE 'PERP_API|PERP_[A-Z]*_H' | sort -u >"$folder/macros"
grep -o 'pub const PERP_[A-Z0-9_]*' "$folder/flat" | sed 's/pub const //; s/_VALUE$//' | sort -u \
    >"$folder/constants"
comm -23 "$folder/macros" "$folder/constants" >"$folder/found"
none "macros that no constant stands for"

# What the header promises to other languages.
names=$(sed 's/pub struct \([a-z0-9_]*\).*/\1/' "$folder/structs" | tr '\n' '|')
grep -E "(:|->)(${names%|})[,);]" "$folder/functions" >"$folder/found"
none "functions that pass structs by value"
grep -F '...' "$folder/functions" >"$folder/found"
none "functions with varargs"
grep struct_size "$folder/structs" | grep -v '{pub struct_size:u32,' >"$folder/found"
none "structs whose struct_size is not first"
grep -o 'unsafe extern "C" fn([^)]*)[^,]*' "$folder/flat" | grep -v 'fn(user:\*mut' >"$folder/found"
none "callbacks whose first argument is not their user pointer"
# allocate is the one callback whose answer is its value.
grep -o '[a-z_]*:::std::option::Option<unsafe extern "C" fn([^)]*)->' "$folder/flat" |
    grep -v '^allocate:' >"$folder/found"
none "callbacks that return something"

# ---- The page ------------------------------------------------------------------------------------

# Its commands run, here in the build folder; its code stands in the files so.
page=docs/other-languages.md
awk -v folder="$folder" '
    /^```(sh|rust)$/ { n++; file = folder "/page." n "." substr($0, 4); next }
    /^```/ { file = ""; next }
    file != "" { print > file }' $page
for block in "$folder"/page.*.sh; do
    [ -n "$tests" ] && continue
    rm -f "$folder"/stores/*
    # By way of words, since one folder's name may hold another's.
    sed -e 's|/tmp|@STORES@|; s|build/rust|@PAGE@|g; s|build/lib|@LIB@|; /^make /d' "$block" |
        sed -e "s|@STORES@|$folder/stores|; s|@PAGE@|$folder/page|g; s|@LIB@|$build/lib|" \
            >"$block.run"
    grep -q . "$block.run" && sh -e "$block.run" >"$block.log" 2>&1
    result "$page: $(cat "$block.run")" || cat "$block.log"
done
sources=$(cat $sample/src/*.rs $sample/bindings.h)
for block in "$folder"/page.*.rust; do
    case $sources in *"$(cat "$block")"*) true ;; *) cat "$block"; false ;; esac
    result "$page: code that is not in $sample"
done

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
