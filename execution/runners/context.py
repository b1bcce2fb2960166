"""Packs a checkout for the engine: `context.py CHECKOUT TARGET`, run as a script.

In a process of its own, because what the module's .dockerignore says may take for ever to match,
and Python matches without letting anything else in the process go on.
"""

import sys
from pathlib import Path

from docker.utils.build import tar

DOCKERFILE = "Dockerfile"
IGNORED = ".dockerignore"


def patterns(checkout: Path) -> list[str] | None:
    file = checkout / IGNORED
    if not file.is_file():
        return None
    lines = [line.strip() for line in file.read_text(errors="replace").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def main(checkout: Path, target: Path) -> None:
    with target.open("wb") as packed:
        tar(
            checkout,
            exclude=patterns(checkout),
            dockerfile=(DOCKERFILE, None),
            fileobj=packed,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
