"""HTTP in front of service.py, reports.py and leases.py: one module per resource."""
