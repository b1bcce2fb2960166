"""The worker: carries jobs out as a client of the gateway and of NATS, with no database."""
