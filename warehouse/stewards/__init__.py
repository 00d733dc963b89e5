"""What stewards get: a workbook of each refused delivery in the department's outbox, and one mail an hour of them."""
