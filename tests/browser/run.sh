#!/bin/sh
# The dashboard in a real Chromium, and the state against its JSON schema.
# usage: run.sh BUILD
# PERPCORE_CONSOLE: another server than BUILD/bin/perpcore-console; CHROMIUM: another browser;
# SCREENSHOTS: the folder that pictures of the page are written to (BUILD/browser).
# Where something is missing, that part is skipped and said so.
build=${1:-build}
here=$(dirname "$0")
work=$build/browser
CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser)}
SCREENSHOTS=${SCREENSHOTS:-$work}
PERPCORE_CONSOLE=${PERPCORE_CONSOLE:-$build/bin/perpcore-console}
export CHROMIUM SCREENSHOTS PERPCORE_CONSOLE
mkdir -p "$work" "$SCREENSHOTS" || exit 1

skip() {
    echo "left out: $2 ($1)"
}

if ! command -v node >/dev/null 2>&1; then
    skip "needs node" "browser test and schema test"
    exit 77
fi

passed=0
failed=0
count() {
    cat "$1"
    summary=$(tail -n 1 "$1")
    case $summary in
    [0-9]*" passed, "[0-9]*" failed")
        passed=$((passed + ${summary%% *}))
        summary=${summary#*, }
        failed=$((failed + ${summary%% *}))
        ;;
    *)
        failed=$((failed + 1))
        ;;
    esac
}

if [ -x "$build/bin/perp-scenario" ]; then
    node "$here/schema.mjs" "$build/bin/perp-scenario" >"$work/schema.log" 2>&1
    count "$work/schema.log"
else
    skip "there is no $build/bin/perp-scenario" "schema test"
fi

# The driver is installed once, from the npm registry, in the version of the lock file.
driver() {
    cmp -s "$here/package-lock.json" "$work/package-lock.json" &&
        [ -d "$work/node_modules/playwright-core" ] && return 0
    command -v npm >/dev/null 2>&1 || return 1
    cp "$here/package.json" "$here/package-lock.json" "$work" &&
        (cd "$work" && npm ci --ignore-scripts --no-audit --no-fund >npm.log 2>&1) && return 0
    rm -f "$work/package-lock.json"
    return 1
}

if [ -z "$CHROMIUM" ]; then
    skip "chromium is not installed" "browser test"
elif ! ${PERPCORE_CONSOLE} --help >/dev/null 2>&1; then
    skip "there is no $PERPCORE_CONSOLE" "browser test"
elif ! driver; then
    skip "playwright-core can't be had from npm" "browser test"
else
    DRIVER=$(cd "$work" && pwd)/node_modules/playwright-core/index.js \
        node "$here/console.mjs" >"$work/console.log" 2>&1
    count "$work/console.log"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
