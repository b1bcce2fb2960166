"""Facts leave through an outbox and arrive through an inbox: none lost, none handled twice."""
