#!/bin/sh
# The page's code (api/pages): its format and types, or its unit tests.
#   check.sh lint     prettier and tsc, and the page's types of the API's answers against openapi.json
#   check.sh test     unit tests, which need node alone
#   check.sh format   writes the format
# Where node or npm is missing it says so and checks nothing: the page itself needs neither.
set -eu
cd "$(dirname "$0")"
pages=../../../api/pages
python="${PYTHON:-.venv/bin/python}" # from the repository's root

node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' 2>/dev/null || {
    echo "node 20.19 or newer is not installed, so the page's code is not checked"
    exit 0
}
if [ "$1" = test ]; then
    exec node --test --test-reporter=dot .
fi
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    npm ci --loglevel=error || {
        echo "npm could not install prettier and tsc, so the page's format and types are not checked"
        exit 0
    }
    touch node_modules/.package-lock.json
fi
prettier() { node_modules/.bin/prettier --config prettier.config.js --log-level warn "$@" "$pages" .; }
case "$1" in
format) prettier --write ;;
lint)
    prettier --check
    mkdir -p build
    (cd ../../.. && "$python" -m tests.support.openapi) >build/openapi.json
    node_modules/.bin/openapi-typescript build/openapi.json --output build/openapi.d.ts >build/openapi.log 2>&1 ||
        { cat build/openapi.log && exit 1; }
    node_modules/.bin/tsc --project tsconfig.json
    node_modules/.bin/tsc --project tsconfig.tests.json
    ;;
*)
    echo "check.sh lint, test or format; not $1" >&2
    exit 2
    ;;
esac
