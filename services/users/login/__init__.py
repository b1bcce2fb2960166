"""Logging in: who may try, how often, and from where."""
