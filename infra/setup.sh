#!/usr/bin/env bash
# Builds .venv from the hash-locked files. Called by `make setup`; safe to run again.
#
#   infra/setup.sh VENV [WHEELHOUSE]
#
# With WHEELHOUSE (a folder made by `make wheelhouse`) no package index is asked.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${1:-.venv}
wheelhouse=${2:-}
python=${PYTHON:-}
lock=requirements.lock
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
# Without a home folder the installer's cache goes beside the sources.
if [[ -z "${HOME:-}" || ! -w "${HOME:-}" ]]; then
    export UV_CACHE_DIR="${UV_CACHE_DIR:-$PWD/.cache/uv}" PIP_CACHE_DIR="${PIP_CACHE_DIR:-$PWD/.cache/pip}"
fi

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }
is_311() { "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; }

if [[ -z "$python" ]]; then
    for candidate in python3.11 python3 python; do
        if is_311 "$candidate"; then python=$candidate; break; fi
    done
fi
[[ -n "$python" ]] && is_311 "$python" || fail "Python 3.11 is needed; name one with: make setup PYTHON=/path/to/python3.11"

offline=()
if [[ -n "$wheelhouse" ]]; then
    [[ -d "$wheelhouse" ]] || fail "no folder $wheelhouse; make one on a connected machine with: make wheelhouse"
    offline=(--no-index --find-links "$wheelhouse")
    say "installing from $wheelhouse only, no package index"
fi

if ! is_311 "$venv/bin/python"; then
    say "1/4 creating $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv" || fail "python -m venv failed (on Debian: apt-get install python3.11-venv)"
else
    say "1/4 $venv exists"
fi

say "2/4 the installer, pinned in infra/requirements/uv.txt"
"$venv/bin/python" -m pip install --quiet --require-hashes "${offline[@]}" -r infra/requirements/uv.txt

say "3/4 $(grep -c '^[a-zA-Z0-9]' "$lock") packages from $lock, each checked against its hash"
"$venv/bin/uv" pip sync --quiet --python "$venv/bin/python" --require-hashes "${offline[@]}" "$lock"

say "4/4 citylake itself"
"$venv/bin/uv" pip install --quiet --python "$venv/bin/python" --no-deps --no-build-isolation --offline -e .
say "ready: $venv/bin/citylake --help"
