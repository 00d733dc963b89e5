"""`make demo`: the simulated city's days through Airflow, from first delivery to release."""
