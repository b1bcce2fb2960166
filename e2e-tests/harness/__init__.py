"""Drives a whole system from outside, as its users and operators do."""
