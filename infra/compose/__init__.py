"""What docker-compose.yml needs beside images: its secrets, Airflow's database role, and its health check."""
