"""What single values are, the same in every format: blanks, numbers, hosts, hashes; the base of documents."""
