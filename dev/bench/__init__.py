"""Measurements of a whole system, taken through the gateway as a client sees them."""
