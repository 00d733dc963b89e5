"""Parsers: read a raw payload of any declared format as counted records and text columns."""
