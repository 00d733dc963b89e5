"""Airflow's DAG files.

Airflow parses them again and again, so they import nothing heavy; `dags.factory` builds the DAGs.
"""
