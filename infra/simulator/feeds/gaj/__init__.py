"""Feeds of the department gaj: one module per feed."""
