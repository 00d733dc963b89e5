"""Definitions that hold for values of every format: blanks, numbers, host names, hashes; the base of documents."""
