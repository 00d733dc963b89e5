"""Releases as they lie in the store: keys, manifests, the pointer to the current one, the ledger of what happened."""
