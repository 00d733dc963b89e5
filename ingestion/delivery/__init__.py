"""The path of one delivery: land, attempt (conform, judge, commit), and what it came to."""
