"""Pipelines and their tasks: which functions are done in which order, with which arguments."""
