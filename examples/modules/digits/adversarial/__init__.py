"""Adversarial examples on handwritten digits, as functions of a module."""
