"""Runs: what is to be done, what was done, and who is doing it right now."""
