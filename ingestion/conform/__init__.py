"""Conform: turn a raw payload into typed bronze rows and quarantined rows, with SQL compiled from the contract."""
