"""The front pages of the system: `/`, `/docs`, the `/api/v1/` index and `/healthz`."""
