#!/bin/sh
# Tests of the Python binding with the shared library of a build folder.
# usage: run.sh BUILD      PYTHON=python3: which Python
build=$(cd "$1" && pwd) || exit 1
python=${PYTHON:-python3}
if ! command -v "$python" >/dev/null; then
    echo "left out: the Python binding needs python3"
    exit 0
fi
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 9))'; then
    echo "left out: the Python binding needs Python 3.9 or newer, $python is older"
    exit 0
fi
if [ -n "$SANITIZE" ]; then
    echo "left out: the Python binding needs a library without sanitizers"
    exit 0
fi
mkdir -p "$build/python" || exit 1
export PERPCORE_LIBRARY="$build/lib/libperpcore.so.0"
export PERPCORE_PYTHON_BUILD="$build/python"
export PYTHONPATH=examples/python:tests/python
export PYTHONPYCACHEPREFIX="$build/python/pycache"
exec "$python" -X dev tests/python/run.py "$2"
