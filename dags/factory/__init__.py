"""Builds the DAGs of the DAG files, and holds the tasks they run."""
