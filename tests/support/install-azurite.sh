#!/bin/sh
# Installs Azurite, the Azure Blob Storage server that tests/storage.rs runs against, into
# target/tools/azurite. It checks signatures and keeps its blobs in memory.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
tools=$(cd "$here/../.." && pwd)/target/tools/azurite

mkdir -p "$tools"
if cmp -s "$here/azurite/package-lock.json" "$tools/package-lock.json" && [ -x "$tools/node_modules/.bin/azurite-blob" ]; then
    exit 0
fi
echo "installing azurite into $tools (takes half a minute, once)" >&2
rm -rf "$tools"
mkdir -p "$tools"
cp "$here/azurite/package.json" "$here/azurite/package-lock.json" "$tools"
# No script of a package runs.
exec npm ci --prefix "$tools" --ignore-scripts --no-audit --no-fund --loglevel=error
