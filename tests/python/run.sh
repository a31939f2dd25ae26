#!/bin/sh
# Tests of the Python binding with the shared library of a build folder.
# usage: run.sh BUILD      PYTHON=python3: which Python
build=$(cd "$1" && pwd) || exit 1
python=${PYTHON:-python3}
if ! command -v "$python" >/dev/null; then
    echo "left out: Python (needs python3)"
    exit 77
fi
if ! "$python" -c 'import sys, ctypes, sqlite3, unittest
sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
    echo "left out: Python (needs Python 3.9 or newer with its whole standard library)"
    exit 77
fi
if [ -n "$SANITIZE" ]; then
    echo "left out: Python (not with sanitizers)"
    exit 77
fi
mkdir -p "$build/python" || exit 1
export PERPCORE_LIBRARY="$build/lib/libperpcore.so.0"
export PERPCORE_PYTHON_BUILD="$build/python"
export PYTHONPATH=examples/python:tests/python
export PYTHONPYCACHEPREFIX="$build/python/pycache"
exec "$python" -X dev tests/python/run.py "$2"
