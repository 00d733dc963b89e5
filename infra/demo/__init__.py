"""`make demo`: run the simulated city's days through Airflow, from the first delivery to a release."""
