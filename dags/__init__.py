"""DAG files: thin, nothing heavy at parse. What they build is in `dags.factory`."""
