"""The public resource names, in the order the API index lists them."""

RESOURCES = (
    "modules",
    "functions",
    "users",
    "files",
    "pipelines",
    "tasks",
    "runs",
    "jobs",
)
