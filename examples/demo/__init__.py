"""A demonstration of the whole road, from sign-up to output files, as a client of the gateway."""
