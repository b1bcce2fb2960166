"""What developers run: the supervisor, the house rules, benchmarks. Nothing here is deployed."""
