"""Processes to supervise that need nothing of MLsploit and start in no time."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dev.ports import free_ports
from dev.process import Process
from dev.specs import Spec
from dev.supervisor import Supervisor

ANSWERS_ON_HTTP = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers()
    def log_message(self, *arguments): pass
print("serving", flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""

MakeProcess = Callable[..., Process]
Supervise = Callable[..., Supervisor]


@pytest.fixture
def make_process(tmp_path: Path) -> MakeProcess:
    ports = free_ports()

    def make(name: str, code: str = ANSWERS_ON_HTTP, **fields: object) -> Process:
        ready = str(fields.pop("ready", "http:/"))
        spec = Spec(name=name, command=("python",), ready=ready, **fields)  # type: ignore[arg-type]
        port = next(ports)
        argv = [sys.executable, "-S", "-c", code, str(port)]
        log = tmp_path / f"{name}.log"
        return Process(spec, argv, log=log, cwd=tmp_path, port=port, ready=ready)

    return make


@pytest.fixture
def supervise() -> Iterator[Supervise]:
    made: list[Supervisor] = []

    def make(*processes: Process, **options: object) -> Supervisor:
        supervisor = Supervisor(processes, lambda _: {}, **options)  # type: ignore[arg-type]
        made.append(supervisor)
        return supervisor

    yield make
    for supervisor in made:
        supervisor.stop()
