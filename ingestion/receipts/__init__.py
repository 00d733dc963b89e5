"""Receipts: the commit of a delivery, and the log they fold into."""
