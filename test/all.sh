#!/bin/sh
# What `npm test` runs: the tests, and beside them the checks of style and types. What these say comes at the end, where it is seen.
# Further arguments go to vitest.
set -u
cd "$(dirname "$0")/.."

said=$(mktemp)
trap 'rm -f "$said"' EXIT
npm run --silent check >"$said" 2>&1 &
checks=$!

# All that Node loads below this is found compiled.
NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE:-$PWD/node_modules/.cache/letterlock-tests}
export NODE_COMPILE_CACHE
src/node.sh node_modules/vitest/vitest.mjs run --config test/vitest.config.ts --tags-filter='!scene' "$@"
tested=$?
wait "$checks"
checked=$?
cat "$said"
[ "$tested" = 0 ] && [ "$checked" = 0 ]
