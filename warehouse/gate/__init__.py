"""Gate: verdict per data product, refuse by default."""
