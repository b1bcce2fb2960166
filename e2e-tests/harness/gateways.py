"""A second gateway to a system, which keeps a log of its requests as the one in containers does."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dev.environment import ROOT
from dev.ports import LOOPBACK, free_ports
from dev.preflight import find_tool
from dev.probes import http_status
from dev.stack import Stack
from dev.waiting import eventually
from gateway.configuration import static_configuration
from harness.fronts import PROXY

FLAG = "--accessLog."


@dataclass(frozen=True)
class LoggingGateway:
    url: str
    log: Path

    def told_of(self, path: str) -> dict[str, Any]:
        """The line about a request for this path; nothing while it is not there."""
        whole = [line for line in self.log.read_text().splitlines(True) if line.endswith("\n")]
        told = [json.loads(line) for line in whole]
        return next((one for one in told if one["RequestPath"] == path), {})


@contextmanager
def gateway_with_its_log(system: Stack, folder: Path) -> Iterator[LoggingGateway]:
    port = next(free_ports())
    log = folder / "access.log"
    options = yaml.safe_load(static_configuration(f"{LOOPBACK}:{port}", trusted_proxies=[PROXY]))
    options["accessLog"] = {"filePath": str(log), **_options_in_containers()}
    configuration = folder / "traefik.yml"
    configuration.write_text(yaml.safe_dump(options))
    process = subprocess.Popen(
        [find_tool("traefik"), f"--configFile={configuration}"], env=system.environment()
    )
    try:
        eventually(lambda: http_status(port, "/healthz") == 200, "the second gateway answers")
        yield LoggingGateway(f"http://{LOOPBACK}:{port}", log)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _options_in_containers() -> dict[str, Any]:
    """What `docker-compose.yml` says of the log, as the tree that a file wants."""
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    tree: dict[str, Any] = {}
    for flag in compose["services"]["gateway"]["command"]:
        if flag.startswith(FLAG):
            name, value = flag.removeprefix(FLAG).split("=", 1)
            *parents, last = name.split(".")
            place = tree
            for parent in parents:
                place = place.setdefault(parent, {})
            place[last] = value
    assert tree
    return tree
