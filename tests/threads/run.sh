#!/bin/sh
# The tests of threads in builds with sanitizers: run.sh BUILD...; PERP_SECONDS: how long each goes
# on with all at once.
set -u
# Without a fixed layout of the address space, where that can be had: the runtime of older
# compilers does not start on kernels that randomise more of it.
fixed="setarch -R"
$fixed true 2>/dev/null || fixed=
export TSAN_OPTIONS="${TSAN_OPTIONS:-halt_on_error=1}"
export CK_DEFAULT_TIMEOUT=300 CK_TIMEOUT_MULTIPLIER="${CK_TIMEOUT_MULTIPLIER:-5}"
failed=0
for build in "$@"; do
    for name in unit/test_handover unit/test_threads threads/test_crowd; do
        echo "$build: $name"
        $fixed "$build/tests/$name" || failed=1
    done
done
exit $failed
