"""Incidents: what went wrong with a feed or a product, told once to the steward the contract names."""
