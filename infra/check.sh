#!/usr/bin/env bash
# Everything `make lint` checks; every part runs, and the summary names those that failed.
#
#   infra/check.sh VENV
set -uo pipefail
cd "$(dirname "$0")/.."
bin=${1:-.venv}/bin
failed=()

part() {
    local name=$1
    shift
    printf '== %s\n' "$name"
    "$@" || failed+=("$name")
}

part "ruff check" "$bin/ruff" check .
part "ruff format" "$bin/ruff" format --check .
part "mypy" "$bin/mypy"
part "contracts" "$bin/citylake" contracts check
part "generated files" "$bin/python" -m infra.generate --check
part "clocks in SQL" "$bin/python" -m pytest -q tests/conventions/test_clocks_in_sql.py
part "sqlfluff" "$bin/sqlfluff" lint --disable-progress-bar dbt_project/models dbt_project/tests dbt_project/macros

if ((${#failed[@]})); then
    printf 'check: failed: %s\n' "$(IFS=,; echo "${failed[*]}")" >&2
    exit 1
fi
echo "check: all passed"
