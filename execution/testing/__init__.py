"""What the worker's tests stand on: repositories, a real NATS, and a small gateway."""
