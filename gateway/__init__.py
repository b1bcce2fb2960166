"""The one public door: Traefik's configuration, and the portal behind it."""
