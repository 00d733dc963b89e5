"""Contracts: what a feed is, read strictly from ODCS YAML. Data lives in ingestion/contracts."""
