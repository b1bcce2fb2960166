"""What is tried against a whole system from outside: rights, and the wire."""
