"""Which backends are there, and what they would do: why a job that is ready does not start."""
