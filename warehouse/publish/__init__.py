"""Making the next release of an edition from what the gate let through."""
