"""Kills, freezes and cuts off every part of a working system, and then counts what is there."""
