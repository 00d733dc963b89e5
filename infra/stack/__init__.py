"""The local stack: PostgreSQL from its wheel, Airflow's four processes, the pages. All on 127.0.0.1."""
