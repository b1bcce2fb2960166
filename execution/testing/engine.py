"""What tests with a real Docker engine share: a small image, and whether there is an engine."""

import shutil
import subprocess

IMAGE = "python:3.11-slim"
DOCKERFILE = f"""FROM {IMAGE}
COPY . /app
WORKDIR /app
CMD ["sh", "run.sh"]
"""


def why_not() -> str:
    """Asked of the command: the library leaves a socket open when no engine answers."""
    program = shutil.which("docker")
    if program is None:
        return "no docker command here"
    asked = subprocess.run([program, "image", "inspect", IMAGE], capture_output=True, text=True)  # noqa: S603
    if asked.returncode == 0:
        return ""
    said = " ".join(asked.stderr.split())
    return f"no Docker engine with the image {IMAGE} here: {said}"


WHY_NOT = why_not()
