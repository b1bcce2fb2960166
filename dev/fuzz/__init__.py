"""Made-up requests at every documented operation of a system of its own."""
