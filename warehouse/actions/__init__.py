"""What a person does to the lake (decide, roll back, withdraw, resume, re-run, approve, look), each in one ledger."""
