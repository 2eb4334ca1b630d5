#!/bin/sh
# Runs its arguments with a Node that can run this project: the one among the packages, else the one in the path.
# The packaged one is found by its folder, because `npm ci` of npm 9 leaves out the link node_modules/.bin/node. A Node in the path
# counts only if it can run TypeScript sources: Debian builds one of the right version without that.
set -eu

root=$(dirname "$(dirname "$(readlink -f "$0")")")

refuse() {
  printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
  exit 2
}

[ -d "$root/node_modules/commander" ] ||
  refuse 'the packages that letterlock needs are not installed' "run \`npm ci\` in $root first"

case $(uname -m) in
  x86_64) platform=linux-x64 ;;
  aarch64) platform=linux-arm64 ;;
  *) platform=none ;;
esac
node=$root/node_modules/node-$platform/bin/node

if ! "$node" --version >/dev/null 2>&1; then
  # npm writes this file at its end.
  [ -e "$root/node_modules/.package-lock.json" ] ||
    refuse 'the packages that letterlock needs are not all installed yet' 'wait until npm is done; if none runs, run `npm ci`'
  node=$(command -v node) ||
    refuse 'letterlock needs Node 24 or newer, and there is none' 'install Node 24, or run `npm ci` without --omit=optional'
  able=$("$node" -p 'parseInt(process.versions.node) >= 24 && process.features.typescript !== false' 2>/dev/null) || able=false
  [ "$able" = true ] || refuse \
    "letterlock needs a Node that runs TypeScript, 24 or newer; $node is $("$node" --version 2>/dev/null || echo broken)" \
    'run `npm ci` without --omit=optional, or install Node 24 as nodejs.org builds it'
fi

# What it starts by the name of node (npx, scripts) gets the same one.
PATH=$(dirname "$node"):$PATH
export PATH
exec "$node" "$@"
