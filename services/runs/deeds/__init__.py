"""What administrators did to runs and jobs, and for how long that is kept."""
