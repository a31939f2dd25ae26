#!/bin/sh
# The library and the programs are hardened: stack protectors, checked functions of the C library,
# no address that is written after the start, no stack that can be executed, programs at any address,
# and marked jumps on x86-64. That each check can fail is tried with a library built without.
# usage: run.sh BUILD   (CC, SANITIZE, HARDEN, FORTIFY as the Makefile sets them)
build=$1
folder=$build/hardening
cc=${CC:-cc}
for why in ${SANITIZE:+"sanitizers"} $([ "${HARDEN:-1}" = 1 ] || echo "HARDEN=$HARDEN"); do
    echo "left out: hardening (built with $why)"
    exit 77
done
rm -rf "$folder"
mkdir -p "$folder" || exit 1
export LC_ALL=C
passed=0
failed=0
result() {
    if [ "$2" = "$3" ]; then passed=$((passed + 1)); else
        failed=$((failed + 1))
        echo "$1"
    fi
}

dynamic() { readelf -W -d "$1"; }
segments() { readelf -W -l "$1"; }
symbols() { readelf -W --dyn-syms "$1"; }
# Each check of a file ends with 0 where it holds.
check_canary() { symbols "$1" | grep -q ' __stack_chk_fail'; }
check_fortify() { symbols "$1" | grep -q ' UND __[a-z]*_chk[@ ]'; }
check_now() { dynamic "$1" | grep -qE 'BIND_NOW|FLAGS_1.*NOW'; }
check_relro() { segments "$1" | grep -q GNU_RELRO; }
check_stack() { segments "$1" | grep GNU_STACK | grep -vq 'RWE'; }
check_pie() { dynamic "$1" | grep -q 'FLAGS_1.*PIE'; }
# Of an archive every member.
check_jumps() {
    readelf -W -n "$1" 2>/dev/null | awk '
        /^File: / { files++ }
        /IBT, SHSTK/ { marked++ }
        END { exit !(marked > 0 && marked >= files) }'
}
check_writable() { ! segments "$1" | grep -q 'LOAD.* RWE '; }

# The checks that hold of everything, of a library, of a program.
all="now relro stack writable"
jumps=""
case $($cc -dumpmachine) in
x86_64-*)
    jumps=jumps
    # A linked file is marked where all that went into it is, the C library's own start, too.
    if check_jumps "$($cc -print-file-name=crti.o)"; then all="$all jumps"; else
        echo "crti.o has no marked jumps: only the objects of the library are looked at"
    fi
    ;;
esac
fortify=fortify
if [ -z "${FORTIFY-yes}" ]; then
    fortify=""
    echo "left out: checked functions of the C library (not without optimisation)"
fi
look() {
    file=$1
    shift
    for check in "$@"; do
        if "check_$check" "$file"; then found=yes; else found=no; fi
        result "$file: not hardened: $check" yes $found
    done
}
# shellcheck disable=SC2086 # lists of checks
look "$build/lib/libperpcore.so" $all canary $fortify
# shellcheck disable=SC2086
look "$build/lib/libperpcore.a" $jumps
for program in "$build"/bin/*; do
    # shellcheck disable=SC2086
    [ -f "$program" ] && look "$program" $all pie
done

# Every check finds what it is there for.
cat >"$folder/soft.c" <<'END'
#include <stdio.h>
int soft(const char *text);
int soft(const char *text) { char copy[40]; return sprintf(copy, "%s", text) + copy[0]; }
int main(int n, char **arguments) { return n > 1 && soft(arguments[1]); }
END
soft="-O2 -fno-stack-protector -U_FORTIFY_SOURCE -Wl,-z,lazy,-z,norelro,-z,execstack"
[ -z "$jumps" ] || soft="$soft -fcf-protection=none"
# shellcheck disable=SC2086 # flags are words
$cc -std=c11 $soft -fno-pie -no-pie "$folder/soft.c" -o "$folder/soft" 2>"$folder/log" &&
    $cc -std=c11 $soft -fPIC -shared "$folder/soft.c" -o "$folder/soft.so" 2>>"$folder/log" &&
    $cc -std=c11 $soft -c "$folder/soft.c" -o "$folder/soft.o" 2>>"$folder/log" &&
    ar rcs "$folder/soft.a" "$build/obj/lib/util/num.o" "$folder/soft.o" ||
    { cat "$folder/log"; failed=$((failed + 1)); }
for check in now relro stack canary fortify; do
    if "check_$check" "$folder/soft.so"; then found=yes; else found=no; fi
    result "a library that is not hardened passes: $check" no $found
done
if [ -n "$jumps" ] && check_jumps "$folder/soft.a"; then found=yes; else found=no; fi
result "an archive with one member that is not hardened passes: jumps" no $found
if check_pie "$folder/soft"; then found=yes; else found=no; fi
result "a program that is not hardened passes: pie" no $found

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
