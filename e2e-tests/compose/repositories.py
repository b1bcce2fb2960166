"""Modules' repositories for containers: git reads only what belongs to its own user, so the two
images that read repositories get a copy each."""

import os
from pathlib import Path

from compose.commands import COMMAND_SECONDS_MAX, docker, said
from dev import example_modules

OWNERS = {"modules": "10001", "execution": "0"}


class Repositories:
    """Below one folder, which repositories.yml mounts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # Which the worker builds, once a job asks for them.
        self.images: set[str] = set()
        for name in OWNERS:
            (folder / name).mkdir(parents=True)

    def publish(self, content: Path, branch: str, *, chown_in: str) -> str:
        """Make a folder's content a repository, by an image that has chown; its address inside."""
        for name, owner in OWNERS.items():
            copy = self.folder / name / content.name
            commit = example_modules.publish(content, copy)
            self.images.add(f"mlsploit-module:{commit}-{content.name}")
            git = ["git", f"--git-dir={copy}", "update-ref", f"refs/heads/{branch}", commit]
            said(git, os.environ, COMMAND_SECONDS_MAX)
            chown = ("--user=0", "--entrypoint=chown", f"--volume={copy}:/copy", chown_in)
            docker("run", "--rm", *chown, "-R", owner, "/copy")
        return f"file:///repositories/{content.name}"
