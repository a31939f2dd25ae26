#!/bin/sh
# Writes FOLDER/perpcore-VERSION.tar.gz: what git knows of this tree or, where there is no git, what
# is there. The same tree gives the same bytes.
# usage: dist.sh FOLDER VERSION   (from the top of the tree)
set -eu
folder=$1
name=perpcore-$2
export LC_ALL=C
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

if [ -e .git ]; then
    git -c core.quotePath=false ls-files >"$folder/files"
    : "${SOURCE_DATE_EPOCH:=$(git log -1 --format=%ct)}"
else
    find . -type f ! -path './build/*' ! -path '*/__pycache__/*' ! -name '*.[od]' |
        sed 's|^\./||' >"$folder/files"
    # A tarball has given all its files one time.
    : "${SOURCE_DATE_EPOCH:=$(stat -c %Y CHANGELOG.md)}"
fi
sort -o "$folder/files" "$folder/files"
tar --create --format=ustar --no-recursion --verbatim-files-from --files-from="$folder/files" \
    --transform="s|^|$name/|" --mtime="@$SOURCE_DATE_EPOCH" --owner=root:0 --group=root:0 \
    --mode=u+rw,go+r-w --file="$folder/$name.tar"
gzip -9 -n -f "$folder/$name.tar"
rm "$folder/files"
echo "$folder/$name.tar.gz"
