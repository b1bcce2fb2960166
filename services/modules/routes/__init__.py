"""HTTP in front of service.py: one module per resource."""
