"""The simulated city: departments that hand over files, from one seed, with known truth.

It is the outside world. It imports nothing of ingestion, warehouse or dags, and nothing in
them imports it. Everything it writes is synthetic and says so.
"""
