#!/bin/sh
# What make install puts down, a host in an empty folder can use: with pkg-config and with CMake, in
# C and in C++, shared and static; and make uninstall takes away exactly that.
# usage: run.sh BUILD   (CC, MAKE, SANITIZE as the Makefile sets them)
build=$1
if [ -n "$SANITIZE" ]; then
    echo "left out: installing (a host would need the sanitizer's runtime)"
    exit 77
fi
cc=${CC:-cc}
here=tests/install
folder=$build/install-test
rm -rf "$folder"
mkdir -p "$folder" || exit 1
folder=$(cd "$folder" && pwd)
export LC_ALL=C
passed=0
failed=0
ok() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    echo "$*"
}
# try WHAT COMMAND...: it ends with 0; shown is what it said where it does not.
try() {
    what=$1
    shift
    if "$@" >"$folder/log" 2>&1; then ok; else
        bad "$what:"
        cat "$folder/log"
    fi
}
# refused WHAT COMMAND...: it does not end with 0.
refused() {
    what=$1
    shift
    if "$@" >"$folder/log" 2>&1; then bad "$what was not refused"; else ok; fi
}
# same WHAT EXPECTED ACTUAL: two files are equal.
same() {
    if diff "$2" "$3" >"$folder/log"; then ok; else
        bad "$1 (< expected, > found):"
        cat "$folder/log"
    fi
}
run_make() { ${MAKE:-make} --no-print-directory BUILD="$build" "$@"; }
version=$(sed -nE 's/^#define PERP_VERSION_(MAJOR|MINOR|PATCH) //p' include/perpcore/types.h |
    paste -sd.)
so=libperpcore.so.${version%%.*}
tools=$(cd "$build/bin" && ls -d perpcore-console perpctl perp-scenario perp-replay 2>/dev/null)

# ---- Every file, and nothing else; folders of Debian, and a space in the path --------------------

# expected TOOLS...: what must be there.
expected() {
    for tool in "$@"; do
        echo "usr/bin/$tool"
        echo "usr/share/man/man1/$tool.1"
        echo "usr/share/bash-completion/completions/$tool"
    done
    (cd include && ls perpcore/*) | sed 's|^|usr/include/|'
    for name in libperpcore.a libperpcore.so "$so" "libperpcore.so.$version" \
        pkgconfig/perpcore.pc pkgconfig/perpcore-static.pc \
        cmake/perpcore/perpcoreConfig.cmake cmake/perpcore/perpcoreConfigVersion.cmake; do
        echo "usr/lib/any-linux-gnu/$name"
    done
    ls README.md CHANGELOG.md LICENSE docs/*.md docs/*.json docs/img/* examples/monitoring/* |
        sed 's|^|usr/share/doc/perpcore/|'
    echo usr/share/man/man3/perpcore.3
}
found() { (cd "$1" && find . ! -type d | sed 's|^\./||' | sort); }
stage="$folder/a stage"
staged() { run_make DESTDIR="$stage" PREFIX=/usr LIBDIR=/usr/lib/any-linux-gnu "$@"; }

try "install" staged install
# shellcheck disable=SC2086 # a list of words
expected $tools | sort >"$folder/expected"
found "$stage" >"$folder/found"
same "files of make install" "$folder/expected" "$folder/found"
same "lib/perpcore.so leads to the library" "$build/lib/libperpcore.so.$version" \
    "$stage/usr/lib/any-linux-gnu/libperpcore.so"

# What others have put beside it stays.
: >"$stage/usr/bin/other"
: >"$stage/usr/include/perpcore/other.h"
: >"$stage/usr/share/doc/perpcore/other"
try "uninstall" staged uninstall
printf '%s\n' usr/bin/other usr/include/perpcore/other.h usr/share/doc/perpcore/other \
    >"$folder/expected"
found "$stage" >"$folder/found"
same "files of others after make uninstall" "$folder/expected" "$folder/found"
(cd "$stage" && xargs rm) <"$folder/expected"

# Without libmicrohttpd there is no console, and all else is installed.
mkdir "$folder/path"
cat >"$folder/path/pkg-config" <<END
#!/bin/sh
case " \$* " in *" libmicrohttpd "*) exit 1 ;; esac
exec '$(command -v pkg-config)' "\$@"
END
chmod +x "$folder/path/pkg-config"
without_microhttpd() { (PATH="$folder/path:$PATH" && export PATH && staged "$@"); }
try "install without libmicrohttpd" without_microhttpd install
# shellcheck disable=SC2046
expected $(echo "$tools" | grep -vx perpcore-console) | sort >"$folder/expected"
found "$stage" >"$folder/found"
same "files of make install without libmicrohttpd" "$folder/expected" "$folder/found"
try "uninstall without libmicrohttpd" without_microhttpd uninstall
(cd "$stage" && find . -mindepth 1) >"$folder/found"
: >"$folder/expected"
same "what uninstall leaves" "$folder/expected" "$folder/found"

refused "a PREFIX with a space" run_make DESTDIR="$stage" PREFIX="/a b" install
refused "a PREFIX that is relative" run_make DESTDIR="$stage" PREFIX=usr install

# ---- Hosts ---------------------------------------------------------------------------------------

environment=$(sh $here/root.sh "$folder/first" "$build") || bad "root.sh fails"
# The tree may be moved: what a host finds is relative to where it found the first file.
mv "$folder/first" "$folder/root"
eval "$(echo "$environment" | sed "s|$folder/first|$folder/root|g")"
pc() { pkg-config --define-variable=prefix="$folder/root" "$@"; }
mkdir "$folder/hosts"
cp $here/host.c "$folder/hosts/host.c"
cp $here/host.c "$folder/hosts/host.cpp"

# host NAME LINKED: it runs, and is linked with the shared library (yes) or not (no).
host() {
    [ "$("$folder/hosts/$1")" = "perpcore $version" ] && ok || bad "$1 does not run"
    linked=no
    readelf -d "$folder/hosts/$1" 2>/dev/null | grep -q "NEEDED.*$so" && linked=yes
    [ $linked = "$2" ] && ok || bad "$1 linked with $so: $linked"
}

# compile NAME COMPILER FLAGS...: in the folder of the hosts, which has nothing of ours.
compile() {
    name=$1
    shift
    try "$name compiles" sh -c 'cd "$1" && shift && "$@"' - "$folder/hosts" "$@" -Wall -Wextra \
        -Wpedantic -Werror -o "$name"
}
# shellcheck disable=SC2046,SC2086 # flags are words
{
    compile c-shared $cc host.c $(pc --cflags --libs perpcore)
    host c-shared yes
    compile c-static $cc host.c $(pc --cflags --libs perpcore-static)
    host c-static no
    compile c-private $cc host.c $(pc --static --cflags --libs perpcore)
    host c-private yes
    if [ -n "$($cc -print-file-name=libcjson.a | grep /)" ]; then
        compile c-all-static $cc host.c $(pc --static --cflags --libs perpcore) -static
        host c-all-static no
    else
        echo "left out: a host that is static altogether (needs libcjson.a)"
    fi
    if command -v g++ >/dev/null; then
        compile cpp-shared g++ host.cpp $(pc --cflags --libs perpcore)
        host cpp-shared yes
        compile cpp-static g++ host.cpp $(pc --cflags --libs perpcore-static)
        host cpp-static no
    else
        echo "left out: hosts in C++ (need g++)"
    fi
}

# project ASKED LANGUAGE SUFFIX: a CMake project that asks for a version, with a host of each kind.
project() {
    mkdir -p "$folder/cmake-$3"
    cat >"$folder/cmake-$3/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.13)
project(host $2)
find_package(perpcore $1 CONFIG REQUIRED)
add_executable(cmake-$3-shared ../hosts/host.$3)
target_link_libraries(cmake-$3-shared perpcore::perpcore)
add_executable(cmake-$3-static ../hosts/host.$3)
target_link_libraries(cmake-$3-static perpcore::perpcore_static)
END
}
# What was given to the make around this is not for CMake's own.
cmake_alone() { env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL cmake "$@"; }
configure() {
    cmake_alone -S "$folder/cmake-$1" -B "$folder/cmake-$1/build" \
        "-DCMAKE_RUNTIME_OUTPUT_DIRECTORY=$folder/hosts"
}
if command -v cmake >/dev/null; then
    for kind in "C c" "CXX cpp"; do
        [ "$kind" = "C c" ] || command -v g++ >/dev/null || continue
        # shellcheck disable=SC2086 # two words
        set -- $kind
        project "${version%.*}" "$1" "$2"
        try "CMake finds perpcore" configure "$2"
        try "CMake builds" cmake_alone --build "$folder/cmake-$2/build"
        host "cmake-$2-shared" yes
        host "cmake-$2-static" no
    done
    for asked in "" "$version EXACT"; do
        project "$asked" C c
        try "CMake asks for version '$asked'" configure c
    done
    # Until 1.0 a minor release may break hosts of the one before.
    minor=${version#*.}
    minor=${minor%%.*}
    set -- "${version%%.*}.99" "$((${version%%.*} + 1))"
    case $version in 0.0.*) ;; 0.*) set -- "$@" "0.$((minor - 1))" ;; esac
    for asked in "$@"; do
        project "$asked" C c
        refused "CMake: version $asked" configure c
    done
else
    echo "left out: hosts with CMake (need cmake)"
fi

# ---- The tools -----------------------------------------------------------------------------------

for tool in $tools; do
    try "$tool has the version" test "$("$folder/root/bin/$tool" --version)" = "$tool $version"
    page=$folder/root/share/man/man1/$tool.1
    "$folder/root/bin/$tool" --help | grep -o -- '--[a-z][a-z-]*' | sort -u >"$folder/expected"
    sed 's/\\-/-/g' "$page" | grep -o -- '--[a-z][a-z-]*' | sort -u |
        grep -xFf "$folder/expected" >"$folder/found"
    same "options of $tool in its manual page" "$folder/expected" "$folder/found"
    command -v bash >/dev/null &&
        try "completion of $tool" bash -c '. "$1" && complete -p "$2"' - \
            "$folder/root/share/bash-completion/completions/$tool" "$tool"
done
if command -v man >/dev/null; then
    for page in "$folder"/root/share/man/man?/*; do
        LC_ALL=C.UTF-8 man -l --warnings "$page" 2>&1 >"$folder/page" | sed "s|^|$page: |" \
            >"$folder/found"
        [ -s "$folder/page" ] || echo "$page is empty" >>"$folder/found"
        : >"$folder/expected"
        same "warnings of a manual page" "$folder/expected" "$folder/found"
    done
else
    echo "left out: manual pages (need man)"
fi

# The scenario runner, built on the installed headers, linked in both ways: the same answers.
# shellcheck disable=SC2046,SC2086 # flags are words
scenario_runner() {
    mkdir -p "$folder/runner" || return
    for source in examples/scenario*.c lib/util/digits.c lib/util/json.c lib/util/num.c lib/util/text.c; do
        $cc -std=c11 -O1 -D_POSIX_C_SOURCE=200809L -DPERP_WITH_SQLITE=1 -ffp-contract=off \
            -Iexamples -Ilib $(pc --cflags perpcore) $(pkg-config --cflags libcjson) -c "$source" \
            -o "$folder/runner/$(basename "$source" .c).o" || return
    done
    needs="$(pkg-config --libs libcjson) -lm"
    for way in perpcore perpcore-static; do
        $cc "$folder"/runner/*.o $(pc --libs $way) $needs -o "$folder/hosts/scenario-$way" || return
    done
}
try "perp-scenario on the installed headers" scenario_runner
for input in tests/scenarios/language.in.jsonl tests/scenarios/jobs-301.in.jsonl \
    tests/scenarios/capital-1.in.jsonl; do
    name=$(basename "$input" .in.jsonl)
    for way in perpcore perpcore-static; do
        try "$name, $way" sh -c '"$1" <"$2" >"$3"' - "$folder/hosts/scenario-$way" "$input" \
            "$folder/$name.$way"
    done
    same "answers to $name, static and shared" "$folder/$name.perpcore" \
        "$folder/$name.perpcore-static"
    try "there are answers to $name" test -s "$folder/$name.perpcore"
done

try "uninstall of what was moved" run_make DESTDIR= PREFIX="$folder/root" \
    LIBDIR="$folder/root/lib" INCLUDEDIR="$folder/root/include" uninstall
rm -rf "$folder/root/lib/python3"
rmdir "$folder/root/lib" 2>/dev/null
[ -z "$(find "$folder/root" ! -type d 2>/dev/null)" ] && ok || bad "uninstall has left files"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
