"""Feeds of the department hbj: one module per feed."""
