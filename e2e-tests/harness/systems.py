"""`make run` as an operator sees it: a process with an output, an exit code and signals."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dev.environment import ROOT, fresh_secret, without_settings
from dev.waiting import eventually

START_SECONDS_MAX = 120.0
STOP_SECONDS_MAX = 30.0


class ForegroundSystem:
    """A system started from the command line, with settings of its own."""

    def __init__(self, data_dir: Path, settings: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.settings = {
            "MLSPLOIT_API_SECRET_KEY": fresh_secret(),
            "MLSPLOIT_FILES_LINK_KEY": fresh_secret(),
            "MLSPLOIT_GATEWAY_PORT": "0",
            "MLSPLOIT_DATA_DIR": str(data_dir),
            **(settings or {}),
        }
        self._process: subprocess.Popen[str] | None = None
        self._said = data_dir.with_suffix(".said")

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self._process is not None
        return self._process

    @property
    def said(self) -> str:
        return self._said.read_text()

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads((self.data_dir / "stack.json").read_text())
        return state

    @property
    def url(self) -> str:
        return str(self.state["url"])

    def start(self) -> None:
        """Start it without waiting for anything."""
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        with self._said.open("w") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "dev.run"],
                cwd=ROOT,
                env=without_settings(os.environ) | self.settings,
                stdout=said,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def ensure_running(self) -> None:
        if self.process.poll() is not None:
            self.start()
            self.wait_until_ready()

    def wait_until_ready(self) -> None:
        def is_ready() -> bool:
            assert self.process.poll() is None, f"ended with {self.process.poll()}: {self.said}"
            return "MLsploit is ready" in self.said

        eventually(is_ready, "the system is ready", seconds_max=START_SECONDS_MAX)

    def wait_until_ended(self, *, seconds_max: float = STOP_SECONDS_MAX) -> int:
        return self.process.wait(timeout=seconds_max)

    def command(self, *arguments: str) -> str:
        """What an administrator's command prints."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=without_settings(os.environ) | self.settings,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait_until_ready()
        except BaseException:
            self.end()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=STOP_SECONDS_MAX)
