"""Incidents: what went wrong with a feed or a product, notified once to the steward whom the contract names."""
