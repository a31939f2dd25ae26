#!/bin/sh
# The executor of the examples against the fake exchange with all its faults, killed now and then;
# then against one whose answers and news all come late, and whose cancelled orders still fill.
# usage: run.sh BUILD [OPTIONS of chaos.py: only that]     PYTHON=python3: which Python
build=$(cd "$1" && pwd) || exit 1
shift
python=${PYTHON:-python3}
if ! "$python" -c 'import sys, sqlite3, urllib.request
sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
    echo "left out: the executor (needs Python 3.9 or newer with sqlite3)"
    exit 77
fi
export PERPCORE_BIN="$build/bin" PYTHONDONTWRITEBYTECODE=1
if [ $# -gt 0 ]; then
    exec "$python" tests/executor/chaos.py "$@"
fi
# Both at once: they mostly wait.
log=$build/executor-late.log
"$python" tests/executor/chaos.py --jobs 60 --kills 1 --faults tests/executor/late.json >"$log" 2>&1 &
late=$!
"$python" tests/executor/chaos.py --jobs 300 --kills 6
all=$?
wait $late
late=$?
cat "$log"
[ $all -eq 0 ] && [ $late -eq 0 ]
