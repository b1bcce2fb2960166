"""HTTP in front of service.py and references.py: one module per resource."""
