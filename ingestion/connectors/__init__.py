"""Connectors: fetch what a department has for a feed's interval (file drop, one HTTP file, paged JSON API)."""
