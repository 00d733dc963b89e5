"""What this machine gives and refuses: disk, rights of files, locks, DuckDB engines and their extensions."""
