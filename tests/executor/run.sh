#!/bin/sh
# The executor of the examples against the fake exchange with all its faults, killed now and then.
# usage: run.sh BUILD [OPTIONS of chaos.py]     PYTHON=python3: which Python
build=$(cd "$1" && pwd) || exit 1
shift
python=${PYTHON:-python3}
if ! "$python" -c 'import sys, sqlite3, urllib.request
sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
    echo "left out: the executor (needs Python 3.9 or newer with sqlite3)"
    exit 77
fi
export PERPCORE_BIN="$build/bin" PYTHONDONTWRITEBYTECODE=1
exec "$python" tests/executor/chaos.py "$@"
