#!/bin/sh
# Writes the description of the version in types.h, which later versions are held against. Refuses
# where it breaks what the last release promised.
# usage: release.sh BUILD
build=$1
here=tests/abi
folder=$build/abi/release
part() { sed -n "s/^#define PERP_VERSION_$1 //p" include/perpcore/types.h; }
version=$(part MAJOR).$(part MINOR)
command -v abidw >/dev/null || { echo "abi-release needs Debian's abigail-tools" >&2; exit 1; }
mkdir -p "$folder" || exit 1

# keeps COMMAND...: whether it finds the last release's promise kept; of the first release there is
# none (77).
keeps() {
    "$@" >>"$folder/out" || [ $? -eq 77 ]
}
: >"$folder/out"
if ! keeps sh $here/check.sh include lib/perpcore.map "$folder" ||
    ! keeps sh $here/abidiff.sh "$build/lib/libperpcore.so" include lib/perpcore.map "$folder"; then
    cat "$folder/out"
    echo "nothing is written: $version would break programs of the last release" >&2
    exit 1
fi
# No paths, lines or parameters' names: only what a program could notice.
abidw --no-comp-dir-path --no-show-locs --no-corpus-path --no-elf-needed --no-parameter-names \
    --exported-interfaces-only --drop-private-types --headers-dir include \
    "$build/lib/libperpcore.so.$version.$(part PATCH)" >"$folder/perpcore.abi" || exit 1
for list in symbols values layout; do
    cp "$folder/$list" "$here/$list-$version.txt" || exit 1
done
cp "$folder/perpcore.abi" "$here/perpcore-$version.abi" || exit 1
echo "written: $here/{symbols,values,layout}-$version.txt, $here/perpcore-$version.abi"
