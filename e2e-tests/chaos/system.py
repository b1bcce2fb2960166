"""A whole system with a wire between any two of its processes, two workers and two runs services.

It is started and restarted as containers are: whatever ends is begun again, until it works.
"""

import asyncio
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from chaos.postgres import MortalPostgres
from chaos.wires import Address, Network
from dev.environment import PREFIX
from dev.ports import LOOPBACK
from dev.probes import is_ready
from dev.process import Process
from dev.specs import Spec
from dev.stack import Stack
from shared.testing.postgres import USER

SERVICES = ("users", "files", "modules", "pipelines", "runs")
APPS = (*SERVICES, "portal")
# A second one of each; the calls for runs go to both in turn.
TWINS = {"runs_2": "runs", "execution_2": "execution"}
# Short, so that hundreds of losses are made good in minutes; attempts are what chaos spends.
SETTINGS = {
    "MLSPLOIT_MODULES": "tally",
    "MLSPLOIT_WORKER_JOBS": "3",
    "MLSPLOIT_RUNS_LEASE_SECONDS": "4",
    "MLSPLOIT_RUNS_SWEEP_SECONDS": "0.5",
    "MLSPLOIT_RUNS_ANNOUNCE_AGAIN_SECONDS": "4",
    "MLSPLOIT_RUNS_ATTEMPTS_MAX": "100",
    "MLSPLOIT_FILES_HOLD_UNCONFIRMED_SECONDS": "5",
}


class Victim(Protocol):
    """What can be killed and frozen, and comes back."""

    @property
    def name(self) -> str: ...
    @property
    def has_ended(self) -> bool: ...
    def kill(self) -> None: ...
    def start(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def is_up(self) -> bool: ...


class ProcessVictim:
    """A process of the system."""

    def __init__(self, stack: "WiredStack", process: Process) -> None:
        self._stack = stack
        self._process = process

    @property
    def name(self) -> str:
        return self._process.name

    @property
    def has_ended(self) -> bool:
        return not self._process.is_alive

    def kill(self) -> None:
        self._process.kill()

    def start(self) -> None:
        kind, _, path = self._process.ready.partition(":")
        if kind == "file":
            Path(path).unlink(missing_ok=True)
        self._process.start(self._stack.environment(self._process.spec))

    def pause(self) -> None:
        self._process.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._process.signal(signal.SIGCONT)

    def is_up(self) -> bool:
        return is_ready(self._process.ready, self._process.port)


class WiredStack(Stack):
    """Every process finds the others, and its database, at the near end of a wire of its own."""

    def __init__(
        self, data_dir: Path, network: Network, postgres: MortalPostgres | None = None
    ) -> None:
        super().__init__(data_dir, SETTINGS | _databases(postgres))
        self._network = network
        self._postgres = postgres
        # On SQLite a database belongs to one process.
        self._twins = {k: v for k, v in TWINS.items() if postgres is not None or v == "execution"}
        by_name = {spec.name: spec for spec in self._specs}
        self._specs += tuple(_twin(by_name[of], name) for name, of in self._twins.items())

    @property
    def victims(self) -> list[Victim]:
        processes = [self.supervisor[spec.name] for spec in self._specs if not spec.runs_once]
        found: list[Victim] = [ProcessVictim(self, process) for process in processes]
        return found if self._postgres is None else [*found, self._postgres]

    @property
    def clients_url(self) -> str:
        """The gateway, as those outside reach it."""
        return f"http://{LOOPBACK}:{self._wire('clients', 'traefik')}"

    @property
    def database_files(self) -> dict[str, Path]:
        """Of each service that keeps its data in a file."""
        if self._postgres is not None:
            return {}
        return {name: self.data_dir / name / f"{name}.sqlite3" for name in SERVICES}

    def environment(self, spec: Spec | None = None) -> dict[str, str]:
        known = super().environment(spec)
        return known if spec is None else known | self._surroundings(spec.name)

    def _addresses(self, ports: Mapping[str, int]) -> dict[str, str]:
        """No setting names a twin: it is found where the one is that it stands beside."""
        unknown = {f"{PREFIX}{twin.upper()}_URL" for twin in self._twins}
        found = super()._addresses(ports)
        return {name: url for name, url in found.items() if name not in unknown}

    def _surroundings(self, name: str) -> dict[str, str]:
        """Where this process finds the others, and its own folder."""
        seen = {
            "MLSPLOIT_NATS_URL": f"nats://{LOOPBACK}:{self._wire(name, 'nats')}",
            "MLSPLOIT_GATEWAY_URL": f"http://{LOOPBACK}:{self._wire(name, 'traefik')}",
            "MLSPLOIT_WORKER_NAME": name,
        }
        for app in APPS:
            seen[f"{PREFIX}{app.upper()}_URL"] = f"http://{LOOPBACK}:{self._wire(name, app)}"
        if name in self._twins:
            seen["MLSPLOIT_WORKER_DIR"] = str(self.data_dir / name)
        if self._postgres is not None:
            near = f"postgresql+asyncpg://{USER}@{LOOPBACK}:{self._wire(name, 'postgres')}"
            for service in SERVICES:
                url = f"{near}/{_database_name(service)}?ssl=disable"
                seen[f"{PREFIX}{service.upper()}_DATABASE_URL"] = url
        return seen

    def _wire(self, source: str, target: str) -> int:
        return self._network.port(source, target, self._addresses_of(target))

    def _addresses_of(self, target: str) -> list[Address]:
        if target == "postgres" and self._postgres is not None:
            return [Address(path=self._postgres.socket)]
        names = [target, *(twin for twin, of in self._twins.items() if of == target)]
        return [Address(port=self.supervisor[name].port) for name in names]


def _twin(spec: Spec, name: str) -> Spec:
    ready = spec.ready.replace("{worker_dir}", f"{{data_dir}}/{name}")
    return replace(spec, name=name, ready=ready)


def _databases(postgres: MortalPostgres | None) -> dict[str, str]:
    """As an administrator's command finds them: no wire is between."""
    if postgres is None:
        return {}
    urls = {
        name: asyncio.run(postgres.server.empty_database(_database_name(name))) for name in SERVICES
    }
    return {f"{PREFIX}{name.upper()}_DATABASE_URL": url for name, url in urls.items()}


def _database_name(service: str) -> str:
    return f"chaos_{service}"
