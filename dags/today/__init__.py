"""The page "today 今日" inside Airflow: what is late, blocked and why, what people decide, what stewards must mend.

A FastAPI app that Airflow's API server mounts at `/today` (dags/plugins/citylake_today.py). It shows what
`warehouse.status`, `warehouse.refused`, `warehouse.stewards` and `warehouse.actions` say and do; it judges nothing.
"""
