"""Writing contracts: a draft from a sample file, and the house rules of shipped contracts."""
