"""Runs and jobs while a transaction changes them."""
