"""Release: immutable, then one pointer."""
