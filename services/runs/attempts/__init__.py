"""What became of each attempt at a job: written while it happens, readable ever after."""
