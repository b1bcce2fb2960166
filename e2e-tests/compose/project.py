"""One compose project of its own: its name, its secrets, its folder, its port. Nothing is left."""

import os
import secrets
import subprocess
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from dev import example_modules
from dev.environment import ROOT, ensure_dotenv, without_settings

BUILD_SECONDS_MAX = 1200
COMMAND_SECONDS_MAX = 300
ROLLING_SECONDS_MAX = 600
# The users of the two images that read repositories.
OWNERS = {"modules": "10001", "execution": "0"}
FILES = ("docker-compose.yml", "e2e-tests/compose/repositories.yml")


class ComposeProject:
    """`docker compose` on the unmodified compose file, with fresh secrets."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.name = f"mlsploit-test-{secrets.token_hex(4)}"
        self.repositories = folder / "repositories"
        for name in OWNERS:
            (self.repositories / name).mkdir(parents=True)
        (folder / ".env.example").write_text((ROOT / ".env.example").read_text())
        ensure_dotenv(folder)
        self._environ = without_settings(os.environ) | {
            "COMPOSE_PROJECT_NAME": self.name,
            # Any free port of this machine.
            "MLSPLOIT_GATEWAY_PORT": "0",
            "MLSPLOIT_WORKER_HOST_DIR": str(folder / "worker"),
            "TEST_REPOSITORIES": str(self.repositories),
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
        for name, owner in OWNERS.items():
            copy = self.repositories / name / content.name
            commit = example_modules.publish(content, copy)
            git = ["git", f"--git-dir={copy}", "update-ref", f"refs/heads/{branch}", commit]
            said(git, os.environ, COMMAND_SECONDS_MAX)
            chown = ("--user=0", "--entrypoint=chown", f"--volume={copy}:/copy", "mlsploit-modules")
            docker("run", "--rm", *chown, "-R", owner, "/copy")
        return f"file:///repositories/{content.name}"

    def manage(self, service: str, *arguments: str) -> str:
        """An administrator's command, in a container of its own."""
        return self.compose("run", "--rm", "--no-TTY", service, *arguments)

    def restart_one_by_one(self, *services: str) -> None:
        """What an operator types, in this project."""
        environ = self._environ | {
            "COMPOSE_FILE": ":".join(str(ROOT / name) for name in FILES),
            "COMPOSE_ENV_FILES": str(self.folder / ".env"),
        }
        command = [str(ROOT / "deploy" / "rolling-restart.sh"), *services]
        said(command, environ, ROLLING_SECONDS_MAX)

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
        self.compose("down", "--volumes", "--remove-orphans")


def docker(*arguments: str) -> str:
    return said(["docker", *arguments], os.environ, COMMAND_SECONDS_MAX)


def said(command: Sequence[str], environ: Mapping[str, str], seconds_max: float) -> str:
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=dict(environ),
        capture_output=True,
        text=True,
        timeout=seconds_max,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr[-4000:]}")
    return done.stdout
