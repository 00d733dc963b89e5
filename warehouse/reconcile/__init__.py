"""Reconciliation: do the counts agree at every step, from the department's files to the release?"""
