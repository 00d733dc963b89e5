"""Row counts and content hashes of the tables of a build, which gate and publish compare with the last release."""
