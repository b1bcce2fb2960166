"""Jobs that are on offer, and what is done for those that nobody takes."""
