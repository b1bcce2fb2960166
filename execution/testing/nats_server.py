"""A nats-server with JetStream that can be stopped and started again on the same port."""

import json
import subprocess
import sys
from pathlib import Path

import nats
from nats.aio.client import Client

from execution.testing.waiting import eventually

PROGRAM = Path(sys.executable).parent / "nats-server"


class NatsServer:
    def __init__(self, folder: Path) -> None:
        self._store = folder / "store"
        self._ports = folder / "ports"
        self._ports.mkdir(parents=True)
        self._port = "-1"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self._port}"

    def start(self) -> None:
        command = [str(PROGRAM), "-a", "127.0.0.1", "-p", self._port, "-js"]
        folders = ["-sd", str(self._store), "--ports_file_dir", str(self._ports)]
        self._process = subprocess.Popen(  # noqa: S603
            [*command, *folders], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    async def connect(self) -> Client:
        await eventually(self._knows_its_port)
        return await nats.connect(self.url)

    def _knows_its_port(self) -> bool:
        for file in self._ports.glob("*.ports"):
            if text := file.read_text():
                self._port = json.loads(text)["nats"][0].rpartition(":")[2]
        return self._port != "-1"
