#!/bin/sh
# Installs s3s-fs, the S3 server that tests/storage.rs runs against, into target/tools/bin.
# It checks signatures, needs no container and keeps its buckets as folders.
set -eu

version=0.14.1
tools=$(cd "$(dirname "$0")/../.." && pwd)/target/tools

if [ -x "$tools/bin/s3s-fs" ]; then
    exit 0
fi
echo "installing s3s-fs $version into $tools (takes a few minutes, once)" >&2
# Unoptimized: it is built in half the time, and the tests send it little.
exec cargo install s3s-fs --version "$version" --features binary --locked --debug --root "$tools"
