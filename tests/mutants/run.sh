#!/bin/sh
# run.sh ARGUMENTS...: run.py with them, where there is all that it needs; else what is missing, and 77.
set -u
missing=
for tool in clang python3 make pkg-config; do
    command -v "$tool" >/dev/null || missing="$missing $tool"
done
for package in libcjson check sqlite3; do
    pkg-config --exists "$package" 2>/dev/null || missing="$missing $package"
done
[ -z "$missing" ] || {
    echo "left out: mutants (needs$missing)"
    exit 77
}
exec python3 -u "$(dirname "$0")/run.py" "$@"
