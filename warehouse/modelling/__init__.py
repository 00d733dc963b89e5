"""dbt's files written from what is declared once: the contracts, and a few lines beside each model's SQL."""
