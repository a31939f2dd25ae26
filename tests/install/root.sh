#!/bin/sh
# Installs what a build folder has below FOLDER, as the packages do for a whole machine, and prints
# the environment in which a host finds it, as lines for a shell. A test that wants to try what a
# reader would do with the packages installed says
#     eval "$(sh tests/install/root.sh FOLDER BUILD)"
# and then, in an empty folder, uses cc with pkg-config, cmake, python3 and the tools as they are.
# The Python package is there where the tree has it.
# usage: root.sh FOLDER [BUILD]   (from the top of the tree; MAKE as the Makefile sets it)
set -e
mkdir -p "$1"
root=$(cd "$1" && pwd)
# Not through DESTDIR, so that the .pc files name the folder.
${MAKE:-make} --no-print-directory BUILD="${2:-build}" DESTDIR= PREFIX="$root" LIBDIR="$root/lib" \
    INCLUDEDIR="$root/include" install >"$root/install.log" 2>&1 || {
    cat "$root/install.log" >&2
    exit 1
}
rm "$root/install.log"
python=$root/lib/python3/dist-packages
if [ -d examples/python/perpcore ]; then
    mkdir -p "$python"
    cp -R examples/python/perpcore "$python"
fi
cat <<END
export PATH='$root/bin':"\$PATH"
export PKG_CONFIG_PATH='$root/lib/pkgconfig'
export CMAKE_PREFIX_PATH='$root'
export LD_LIBRARY_PATH='$root/lib'
export PYTHONPATH='$python'
export PYTHONDONTWRITEBYTECODE=1
END
