"""What the DAG files build: DAGs from contracts, and the tasks they run."""
