"""The gate: a verdict on each data product of a build. What was not checked is refused."""
