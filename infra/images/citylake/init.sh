#!/usr/bin/env bash
# Run once before Airflow's services, and safe to run again: bucket, the roles and databases of Airflow and of the
# locks, Airflow's pool, the runbooks' pages, the accounts of Airflow's page.
set -euo pipefail

citylake store create
citylake runbooks >/dev/null
python -m infra.compose.database
python -m infra.compose.store_accounts policies
airflow db migrate
airflow pools set build 1 "The build file has one writer." >/dev/null

# Passwords come from `make compose-secrets`; what could break out of the JSON below is refused.
for name in AIRFLOW_ADMIN_PASSWORD AIRFLOW_OPERATOR_PASSWORD AIRFLOW_VIEWER_PASSWORD AIRFLOW_STEWARD_PASSWORD; do
    if [[ ! "${!name:-}" =~ ^[A-Za-z0-9_-]{12,}$ ]]; then
        echo "init: $name must be at least 12 letters, digits, - or _; nothing was written" >&2
        exit 1
    fi
done
umask 077
file=$AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE
printf '{"admin": "%s", "operator": "%s", "viewer": "%s", "steward": "%s"}\n' "$AIRFLOW_ADMIN_PASSWORD" \
    "$AIRFLOW_OPERATOR_PASSWORD" "$AIRFLOW_VIEWER_PASSWORD" "$AIRFLOW_STEWARD_PASSWORD" >"$file.part"
mv "$file.part" "$file"
echo "init: ready"
