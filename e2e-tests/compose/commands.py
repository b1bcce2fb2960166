"""Commands whose failure is told with all that they said, and the engine's own among them."""

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from dev.environment import ROOT

COMMAND_SECONDS_MAX = 300
IMAGES = ("users", "files", "modules", "pipelines", "runs", "portal", "execution")


def said(
    command: Sequence[str], environ: Mapping[str, str], seconds_max: float, folder: Path = ROOT
) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=dict(environ),
        capture_output=True,
        text=True,
        timeout=seconds_max,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        words = (done.stdout + done.stderr)[-4000:]
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}\n{words}")
    return done.stdout


def docker(*arguments: str) -> str:
    return said(["docker", *arguments], os.environ, COMMAND_SECONDS_MAX)


def take_down(compose: Callable[..., str]) -> None:
    """All of a project, by what runs `docker compose` for it."""
    try:
        compose("down", "--volumes", "--remove-orphans")
    except RuntimeError as error:
        # Now and then the engine keeps an endpoint of a container that is gone, and so the network,
        # until it starts again. Whatever else is left is a fault.
        if "has active endpoints" not in str(error) or compose("ps", "--all", "--quiet").strip():
            raise


def remove_images(tag: str, others: set[str]) -> None:
    """Our own images with this tag, and some more; those of them that are there."""
    wanted = {f"mlsploit-{name}:{tag}" for name in IMAGES} | others
    there = set(docker("images", "--format", "{{.Repository}}:{{.Tag}}").split())
    if wanted & there:
        docker("image", "rm", *sorted(wanted & there))
