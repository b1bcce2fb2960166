"""One compose project of its own: its name, its secrets, its folder, its port. Nothing is left."""

import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from compose.commands import COMMAND_SECONDS_MAX, docker, remove_images, said, take_down
from compose.repositories import Repositories
from dev import example_modules
from dev.environment import ROOT, ensure_dotenv, without_settings

BUILD_SECONDS_MAX = 1200
SCRIPT_SECONDS_MAX = 600
FILES = ("docker-compose.yml", "e2e-tests/compose/repositories.yml")


class ComposeProject:
    """`docker compose` on the unmodified compose file, with fresh secrets."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.name = f"mlsploit-test-{secrets.token_hex(4)}"
        self._repositories = Repositories(folder / "repositories")
        (folder / ".env.example").write_text((ROOT / ".env.example").read_text())
        ensure_dotenv(folder)
        self._environ = without_settings(os.environ) | {
            "COMPOSE_PROJECT_NAME": self.name,
            "MLSPLOIT_IMAGE_TAG": self.name,
            # Any free port of this machine.
            "MLSPLOIT_GATEWAY_PORT": "0",
            "MLSPLOIT_WORKER_HOST_DIR": str(folder / "worker"),
            "TEST_REPOSITORIES": str(self._repositories.folder),
            **(settings or {}),
        }

    @cached_property
    def url(self) -> str:
        port = self.compose("port", "gateway", "8000").strip().rpartition(":")[2]
        return f"http://127.0.0.1:{port}"

    def compose(self, *arguments: str, seconds_max: float = COMMAND_SECONDS_MAX) -> str:
        """What the command prints; CalledProcessError, with all it said, when it fails."""
        files = [f"--file={ROOT / name}" for name in FILES]
        command = ["docker", "compose", *files, f"--env-file={self.folder / '.env'}", *arguments]
        return said(command, self._environ, seconds_max)

    def publish(self, content: Path, branch: str = example_modules.BRANCH) -> str:
        """Make a folder's content a repository; returns its address inside."""
        image = f"mlsploit-modules:{self.name}"
        return self._repositories.publish(content, branch, chown_in=image)

    def manage(self, service: str, *arguments: str) -> str:
        """An administrator's command, in a container of its own."""
        return self.compose("run", "--rm", "--no-TTY", service, *arguments)

    def restart_one_by_one(self, *services: str) -> None:
        self.runs("deploy/rolling-restart.sh", *services)

    def runs(self, script: str, *arguments: str, path: str = os.environ["PATH"]) -> str:
        """What an operator types, in this project."""
        environ = self._environ | {
            "COMPOSE_FILE": ":".join(str(ROOT / name) for name in FILES),
            "COMPOSE_ENV_FILES": str(self.folder / ".env"),
            "PATH": path,
        }
        return said([str(ROOT / script), *arguments], environ, SCRIPT_SECONDS_MAX)

    def without_data(self, folder: Path) -> "ComposeProject":
        """Another with the same secrets, images and repositories, of which nothing runs."""
        folder.mkdir()
        shared = ("MLSPLOIT_IMAGE_TAG", "MLSPLOIT_MODULES", "TEST_REPOSITORIES")
        other = ComposeProject(folder, {name: self._environ[name] for name in shared})
        shutil.copy(self.folder / ".env", folder)
        return other

    def scale(self, **replicas: int) -> None:
        scales = [f"--scale={service}={count}" for service, count in replicas.items()]
        self.compose("up", "--detach", "--wait", "--no-recreate", *scales)

    def kill(self, container: str) -> None:
        """SIGKILL for the process inside, as a crash would: `docker kill` counts as a stop."""
        docker("exec", container, "sh", "-c", "kill -9 $(cut -d ' ' -f 1 /proc/1/task/1/children)")

    def containers(self, service: str) -> Sequence[str]:
        """The ids of its running containers."""
        return self.compose("ps", "--quiet", service).split()

    def __enter__(self) -> Self:
        try:
            self.compose("up", "--detach", "--build", "--wait", seconds_max=BUILD_SECONDS_MAX)
        except BaseException:
            (self.folder / "logs").write_text(self.compose("logs", "--no-color"))
            self._take_down()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            (self.folder / "logs").write_text(self.compose("logs", "--no-color"))
        self._take_down()

    def _take_down(self) -> None:
        take_down(self.compose)
        remove_images(self.name, self._repositories.images)
