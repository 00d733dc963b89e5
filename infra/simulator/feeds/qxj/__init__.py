"""Meteorological bureau (气象局): one module per feed."""
