"""Compaction: small bronze files beside their merged copy, so that a build opens fewer."""
