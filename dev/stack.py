"""A whole MLsploit on this machine: what `make run`, the tests and the benchmarks start.

Invariant: everything a system writes is below its data directory, and every port but the gateway's
is picked free, so that systems never meet.
"""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from dev import preflight
from dev.environment import PREFIX, ROOT, fresh_secret, without_settings
from dev.ports import LOOPBACK, free_ports
from dev.probes import http_status
from dev.process import Process
from dev.seed import ADMIN, Plan
from dev.specs import Spec, load_specs
from dev.supervisor import NotReadyInTime, ReadySink, Supervisor, ignore
from shared.known_settings import INNER

START_SECONDS_MAX = 120.0
TOOLS = ("git", "nats-server", "traefik")

NATS_CONFIGURATION = """\
server_name: mlsploit
host: "{host}"
port: {port}
jetstream {{ store_dir: "{store_dir}" }}
"""


class Stack:
    """One system: `with Stack(folder) as stack: httpx.get(stack.url)`."""

    def __init__(self, data_dir: Path, settings: Mapping[str, str] | None = None) -> None:
        """The settings are all it knows: neither `.env` nor the environment's are looked at."""
        self.data_dir = data_dir.resolve()
        self._settings = _completed(settings or {}, self.data_dir)
        self._lock: TextIO | None = None
        self._supervisor: Supervisor | None = None
        self._specs = load_specs()
        self.gateway_port = 0

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.gateway_port}"

    @property
    def is_prepared(self) -> bool:
        return self._supervisor is not None

    @property
    def supervisor(self) -> Supervisor:
        if self._supervisor is None:
            raise RuntimeError("the system is not prepared yet")
        return self._supervisor

    @property
    def pids(self) -> dict[str, int]:
        return self.supervisor.pids

    @property
    def worker_dir(self) -> Path:
        return Path(self._settings["MLSPLOIT_WORKER_DIR"])

    def prepare(self, on_ready: ReadySink = ignore) -> None:
        """Check what must hold, and write every configuration file; nothing runs yet."""
        for tool in TOOLS:
            preflight.find_tool(tool)
        self._lock = preflight.lock_data_dir(self.data_dir)
        preflight.check_databases(self.data_dir, [spec.name for spec in self._specs])
        ports = free_ports()
        self.gateway_port = preflight.gateway_port(self._settings) or next(ports)
        inner = {spec.name: next(ports) for spec in self._specs}
        inner["traefik"] = self.gateway_port
        self._settings |= self._addresses(inner)
        self._write_configurations(inner)
        is_seeded = Plan.make(self._settings).is_done
        self._supervisor = Supervisor(
            [self._process(spec, inner[spec.name]) for spec in self._specs],
            self.environment,
            done=frozenset({"seed"} if is_seeded else ()),
            on_ready=on_ready,
        )

    def start(self, *, seconds_max: float = START_SECONDS_MAX) -> None:
        """Bring everything up, and wait until the gateway says that all of it is ready."""
        if self._supervisor is None:
            self.prepare()
        began = time.monotonic()
        self.supervisor.start(seconds_max=seconds_max)
        while http_status(self.gateway_port, "/healthz") != 200:
            if time.monotonic() - began > seconds_max:
                raise NotReadyInTime(f"{self.url}/healthz is not ready after {seconds_max:.0f} s.")
            self.supervisor.pause()
        self._write_state()

    def stop(self) -> None:
        """End every process, and let go of the data directory."""
        if self._supervisor is not None:
            self._supervisor.stop()
            (self.data_dir / "stack.json").unlink(missing_ok=True)
            self._supervisor = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def kill(self, name: str) -> None:
        """End one process as a crash would."""
        self.supervisor.kill(name)

    def restart(self, name: str) -> None:
        """Start one process again on the same port, and wait until it is ready."""
        if name == "execution":
            (self.worker_dir / "ready").unlink(missing_ok=True)
        self.supervisor.restart(name)
        self._write_state()

    def log(self, name: str) -> Path:
        return self.data_dir / "logs" / f"{name}.log"

    def environment(self, spec: Spec | None = None) -> dict[str, str]:
        """What a process gets to know; without one, what an administrator's command does."""
        known = self._settings | self._worker_token()
        if spec is not None:
            hidden = {name for other in self._specs for name in other.secrets}
            hidden |= {name for name in known if name.endswith("_PASSWORD")}
            known = {k: v for k, v in known.items() if k in spec.secrets or k not in hidden}
        return without_settings() | known | {"PYTHONUNBUFFERED": "1"}

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _addresses(self, ports: Mapping[str, int]) -> dict[str, str]:
        apps = [spec.name for spec in self._specs if spec.is_app]
        inner = {f"{PREFIX}{n.upper()}_URL": f"http://{LOOPBACK}:{ports[n]}" for n in apps}
        return inner | {
            "MLSPLOIT_NATS_URL": f"nats://{LOOPBACK}:{ports['nats']}",
            "MLSPLOIT_GATEWAY_URL": self.url,
            "MLSPLOIT_GATEWAY_PORT": str(self.gateway_port),
        }

    def _write_configurations(self, ports: Mapping[str, int]) -> None:
        # Only here, so that the other commands of dev need no gateway to be there.
        from gateway.configuration import static_configuration

        for name in ("logs", "nats", "traefik"):
            (self.data_dir / name).mkdir(exist_ok=True)
        nats = NATS_CONFIGURATION.format(
            host=LOOPBACK, port=ports["nats"], store_dir=self.data_dir / "nats"
        )
        (self.data_dir / "nats" / "nats.conf").write_text(nats)
        address = f"{LOOPBACK}:{self.gateway_port}"
        traefik = static_configuration(
            address,
            trusted_proxies=preflight.trusted_proxies(self._settings),
            request_seconds_max=preflight.request_seconds_max(self._settings),
            otlp_endpoint=self._settings.get("MLSPLOIT_OTLP_ENDPOINT", ""),
            otlp_sampled_ratio=preflight.sampled_ratio(self._settings),
        )
        (self.data_dir / "traefik" / "traefik.yml").write_text(traefik)
        # Left by a worker that was killed: it would look ready before it is.
        (self.worker_dir / "ready").unlink(missing_ok=True)

    def _process(self, spec: Spec, port: int) -> Process:
        values = {
            "port": port,
            "gateway_port": self.gateway_port,
            "data_dir": self.data_dir,
            "worker_dir": self.worker_dir,
        }
        program, *arguments = spec.command
        argv = [preflight.find_tool(program), *(text.format(**values) for text in arguments)]
        log = self.log(spec.name)
        if log.exists():
            log.replace(log.with_suffix(".log.1"))
        ready = spec.ready.format(**values)
        return Process(spec, argv, log=log, cwd=ROOT, port=port, ready=ready)

    def _worker_token(self) -> dict[str, str]:
        token_file = self.worker_dir / "token"
        if self._settings.get("MLSPLOIT_WORKER_TOKEN") or not token_file.exists():
            return {}
        return {"MLSPLOIT_WORKER_TOKEN": token_file.read_text().strip()}

    def _write_state(self) -> None:
        """Where the system is, for `make token`, `make demo` and those who kill processes."""
        addresses = {k: v for k, v in self._settings.items() if INNER.fullmatch(k)}
        state = {"url": self.url, "supervisor": os.getpid(), "pids": self.pids, "admin": ADMIN}
        state["addresses"] = addresses
        (self.data_dir / "stack.json").write_text(json.dumps(state, indent=2) + "\n")


def _completed(settings: Mapping[str, str], data_dir: Path) -> dict[str, str]:
    completed = {"MLSPLOIT_GATEWAY_PORT": "0"} | dict(settings)
    for name in ("MLSPLOIT_API_SECRET_KEY", "MLSPLOIT_FILES_LINK_KEY"):
        completed.setdefault(name, fresh_secret())
    completed["MLSPLOIT_DATA_DIR"] = str(data_dir)
    hosts = completed.get("MLSPLOIT_API_ALLOWED_HOSTS")
    if hosts:
        # The worker asks for it, and whoever waits for the gateway does.
        completed["MLSPLOIT_API_ALLOWED_HOSTS"] = f"{hosts},{LOOPBACK}"
    completed.setdefault("MLSPLOIT_WORKER_DIR", str(data_dir / "execution"))
    completed.setdefault("MLSPLOIT_MODULES_CSV_FILE", str(data_dir / "modules.csv"))
    return completed
