"""Ingestion: contracts, landing, conform, receipts. Imports nothing of warehouse or dags."""
