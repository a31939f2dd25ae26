#!/bin/sh
# Tests of the fake exchange from outside: HTTP and WebSockets against the program of a build folder.
# usage: run.sh BUILD [NAME]     only the tests whose name contains NAME; PYTHON=python3: which Python
build=$(cd "$1" && pwd) || exit 1
python=${PYTHON:-python3}
if ! "$python" -c 'import sys, unittest, http.client
sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
    echo "left out: the fake exchange over the wire (needs Python 3.9 or newer)"
    exit 77
fi
export PERPCORE_BIN="$build/bin" PYTHONDONTWRITEBYTECODE=1
exec "$python" tests/fake/run.py "$2"
