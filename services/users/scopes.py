"""What a token can be narrowed to. The services ask for these names in their dependencies.py.

A token without scopes may do all its user may. Writing is not reading: starting a run with a
narrowed token takes `runs:write`, and `pipelines:read` and `modules:read` besides.
"""

GROUPS = ("users", "files", "modules", "pipelines", "runs")
WORKER_SCOPE = "jobs:execute"
SCOPES = (*(f"{group}:{right}" for group in GROUPS for right in ("read", "write")), WORKER_SCOPE)
