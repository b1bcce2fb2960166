"""The system in containers, from this repository's own Dockerfile and compose file."""
