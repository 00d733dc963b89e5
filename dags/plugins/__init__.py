"""What Airflow's API server loads as plugins; no other process of Airflow is given this folder."""
