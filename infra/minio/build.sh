#!/usr/bin/env bash
# Builds the MinIO server once, into a cache outside the repository. Safe to run again, and by two at once.
#
#   infra/minio/build.sh [--print]      --print only says where the program is, or would be
#
# Source only: MinIO ships no binaries any more, and its RELEASE.* tags are no semantic versions, so that the
# Go module proxy refuses them. The pseudo-version below names the same commit as its last release.
# CITYLAKE_MINIO=/path/to/minio uses another program; XDG_CACHE_HOME moves the cache.
set -euo pipefail

version=v0.0.0-20260212201848-7aac2a2c5b7c
cache=${XDG_CACHE_HOME:-}
if [[ -z "$cache" ]]; then
    if [[ -n "${HOME:-}" && -w "${HOME:-}" ]]; then cache=$HOME/.cache; else cache=${TMPDIR:-/tmp}/citylake-cache-$(id -u); fi
fi
program=${CITYLAKE_MINIO:-$cache/citylake/bin/minio-${version##*-}}

if [[ "${1:-}" == --print ]]; then printf '%s\n' "$program"; exit 0; fi
say() { printf 'minio: %s\n' "$*"; }

if [[ -x "$program" ]]; then say "ready: $program"; exit 0; fi
if ! command -v go >/dev/null; then
    say "not built: Go is not installed; tests on MinIO will be skipped" >&2
    exit 0
fi

folder=$(dirname "$program")
mkdir -p "$folder"
exec 9>"$folder/.building"
if command -v flock >/dev/null; then flock 9; fi
if [[ -x "$program" ]]; then say "ready: $program"; exit 0; fi

say "building $version with $(go env GOVERSION), a few minutes, once"
work=$(mktemp -d "$folder/.build-XXXXXX")
trap 'chmod -R u+w "$work" 2>/dev/null; rm -rf "$work"' EXIT
# Who works with Go keeps their caches; elsewhere gigabytes of modules go with the work folder.
if [[ -z "${HOME:-}" || ! -d "$(go env GOMODCACHE 2>/dev/null)" ]]; then
    export HOME="${HOME:-$work}" GOPATH=$work/path GOMODCACHE=$work/path/pkg/mod GOCACHE=$work/cache
fi
export GOBIN=$work/bin
started=$SECONDS
go install "github.com/minio/minio@$version" >"$work/log" 2>&1 &
build=$!
while kill -0 "$build" 2>/dev/null; do
    sleep 2
    if (( (SECONDS - started) % 30 < 2 )); then say "building, $((SECONDS - started)) s"; fi
done
if ! wait "$build"; then
    tail -n 20 "$work/log" >&2
    say "the build failed; tests on MinIO will be skipped" >&2
    exit 1
fi
# A name appears only with a whole program behind it.
mv "$work/bin/minio" "$program"
say "ready after $((SECONDS - started)) s: $program"
