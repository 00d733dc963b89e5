"""Infrastructure: the simulated city and local stack."""
