#!/bin/sh
# A Python session that opens, trades and closes 100 cores, under valgrind: no error and no lost
# block whose stack has libperpcore in it.
# usage: valgrind.sh BUILD      PYTHON=/usr/bin/python3: which Python
build=$(cd "$1" && pwd) || exit 1
python=${PYTHON:-/usr/bin/python3}
for tool in valgrind "$python"; do
    if ! command -v "$tool" >/dev/null; then
        echo "left out: the Python session (needs $tool)"
        exit 77
    fi
done
log=$build/python/valgrind.xml
mkdir -p "$build/python" || exit 1
# The interpreter's own allocator hides blocks from valgrind; without it each is a malloc.
env PYTHONMALLOC=malloc PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=examples/python \
    PERPCORE_LIBRARY="$build/lib/libperpcore.so.0" \
    valgrind --quiet --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
    --num-callers=60 --xml=yes --xml-file="$log" \
    "$python" tests/python/session.py "${2:-100}" || exit 1
exec "$python" tests/python/valgrind.py "$log"
