#!/usr/bin/env bash
# `datacontract lint` over contract files, in an environment of its own, without a network.
#
#   infra/lint_contracts.sh [FILE…]      default: every shipped contract
#
# The JSON schemas ship inside the package and are chosen by each file's apiVersion; references
# are not followed. WHEELHOUSE=dir installs without a package index.
set -euo pipefail
cd "$(dirname "$0")/.."

venv=${VENV_DATACONTRACT:-.venv-datacontract}
lock=infra/requirements/datacontract.lock
stamp=$venv/.installed
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
if [[ -z "${HOME:-}" || ! -w "${HOME:-}" ]]; then
    export UV_CACHE_DIR="${UV_CACHE_DIR:-$PWD/.cache/uv}" PIP_CACHE_DIR="${PIP_CACHE_DIR:-$PWD/.cache/pip}"
fi

if ! cmp --silent "$lock" "$stamp"; then
    source=()
    [[ -n "${WHEELHOUSE:-}" ]] && source=(--no-index --find-links "$WHEELHOUSE")
    python=.venv/bin/python
    [[ -x "$python" ]] || python=$(command -v python3.11 || command -v python3)
    "$python" -m venv --clear "$venv"
    uv=$(command -v .venv/bin/uv || command -v uv || true)
    if [[ -n "$uv" ]]; then
        "$uv" pip sync --quiet --python "$venv/bin/python" --require-hashes "${source[@]}" "$lock"
    else
        "$venv/bin/python" -m pip install --quiet --require-hashes "${source[@]}" -r "$lock"
    fi
    cp "$lock" "$stamp"
fi

(($#)) || set -- ingestion/contracts/*/*.yaml
failed=()
for file in "$@"; do
    if output=$("$venv/bin/datacontract" lint --all-errors --no-inline-references "$file" 2>&1); then
        printf 'passed %s\n' "$file"
    else
        printf 'FAILED %s\n%s\n' "$file" "$output"
        failed+=("$file")
    fi
done
if ((${#failed[@]})); then
    printf 'datacontract lint: %d of %d contracts failed\n' "${#failed[@]}" "$#" >&2
    exit 1
fi
printf 'datacontract lint: %d contracts passed\n' "$#"
