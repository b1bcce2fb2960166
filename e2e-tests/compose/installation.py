"""A copy of this repository on a host of its own, installed as an operator does it: by scripts."""

import os
import secrets
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from compose.commands import remove_images, said, take_down
from compose.repositories import Repositories
from dev import example_modules
from dev.environment import ROOT, read_settings, without_settings

SCRIPT_SECONDS_MAX = 1200
FILES = "docker-compose.yml:docker-compose.tls.yml:e2e-tests/compose/repositories.yml"


class Installation:
    """Everything that it is told stands in its `.env`."""

    def __init__(self, folder: Path, settings: Mapping[str, str]) -> None:
        self.name = f"mlsploit-test-{secrets.token_hex(4)}"
        self.folder = folder / "mlsploit"
        self._repositories = Repositories(folder / "repositories")
        self._environ = without_settings(os.environ)
        tracked = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        for name in said(tracked, os.environ, SCRIPT_SECONDS_MAX).split("\0"):
            if (ROOT / name).is_file():
                (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, self.folder / name)
        self.runs("sh", "deploy/secrets.sh")
        own = {
            "COMPOSE_FILE": FILES,
            "COMPOSE_PROJECT_NAME": self.name,
            "MLSPLOIT_IMAGE_TAG": self.name,
            "MLSPLOIT_WORKER_HOST_DIR": str(folder / "worker"),
            "TEST_REPOSITORIES": str(self._repositories.folder),
        }
        with (self.folder / ".env").open("a") as dotenv:
            dotenv.writelines(f"{key}={value}\n" for key, value in {**own, **settings}.items())

    def runs(self, *command: str) -> str:
        """What it prints, errors last."""
        everything = ["sh", "-c", '"$@" 2>&1', "sh", *command]
        return said(everything, self._environ, SCRIPT_SECONDS_MAX, self.folder)

    def settings(self) -> dict[str, str]:
        return read_settings(self.folder, {})

    def publish(self, content: Path) -> str:
        """Make a folder's content a repository; returns its address inside."""
        image = f"mlsploit-modules:{self.name}"
        return self._repositories.publish(content, example_modules.BRANCH, chown_in=image)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            (self.folder / "logs").write_text(self.runs("docker", "compose", "logs", "--no-color"))
        take_down(partial(self.runs, "docker", "compose"))
        remove_images(self.name, self._repositories.images)
