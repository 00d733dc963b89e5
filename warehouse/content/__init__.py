"""What the tables of a build hold, measured; below gate and publish."""
