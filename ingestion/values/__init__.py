"""What single values are, the same in every format: blanks, numbers, hosts, the hash of a row."""
