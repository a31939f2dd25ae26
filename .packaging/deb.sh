#!/bin/sh
# Makes the Debian packages of an unpacked dist tarball in FOLDER, with debhelper, without network.
# usage: deb.sh FOLDER TARBALL VERSION   (from the top of the tree)
set -eu
folder=$1
tarball=$2
version=$3
fail() {
    echo "deb: $*" >&2
    exit 1
}
command -v dpkg-buildpackage >/dev/null && command -v dh >/dev/null ||
    fail "needs the packages dpkg-dev and debhelper"

# same WHAT VERSION: all that name a version name the one of include/perpcore/types.h.
same() { [ "$2" = "$version" ] || fail "$1 says version '$2', the headers $version"; }
same .packaging/debian/changelog \
    "$(sed -n '1s/^perpcore (\(.*\)-0upstream[0-9]*) .*/\1/p' .packaging/debian/changelog)"
same CHANGELOG.md "$(sed -n 's/^## \([0-9.]*\).*/\1/p' CHANGELOG.md | head -n 1)"
same examples/python/perpcore/_abi.py \
    "$(sed -n 's/^VERSION = "\(.*\)"/\1/p' examples/python/perpcore/_abi.py)"

rm -rf "$folder"
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
tar -xzf "$tarball" -C "$folder"
cd "$folder/perpcore-$version"
cp -r .packaging/debian debian
# In an environment of its own: the packages are those of the system's compiler, Python and flags,
# and the variables of the make that called this are not for them.
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME="$folder" \
    DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-}" dpkg-buildpackage -us -uc -b
ls ../*.deb
