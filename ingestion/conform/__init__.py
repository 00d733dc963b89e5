"""Conform: raw to bronze and quarantine, in SQL."""
