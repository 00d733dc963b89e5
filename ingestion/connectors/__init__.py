"""Connectors: how a feed is fetched."""
