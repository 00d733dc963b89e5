"""Definitions that hold for values of every format: blanks, numbers, host names, the hash of a row."""
