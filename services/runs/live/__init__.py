"""Live updates: each change becomes an entry of its owner's feed, and open streams tell it on."""
