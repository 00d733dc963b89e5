"""The command `citylake`."""
