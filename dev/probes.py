"""Asks a process whether it is ready; the answer is yes or "not yet", never an exception."""

import http.client
import socket
from pathlib import Path

from dev.ports import LOOPBACK

PROBE_SECONDS_MAX = 2.0


def is_ready(check: str, port: int) -> bool:
    """Whether the process behind the port passes its check, as `processes.toml` spells it."""
    kind, _, argument = check.partition(":")
    match kind:
        case "http":
            return http_status(port, argument) == 200
        case "nats":
            return _greets_with(port, b"INFO ")
        case "tcp":
            return _greets_with(port, b"")
        case "file":
            return Path(argument).exists()
    raise ValueError(f"unknown ready check {check!r}")


def http_status(port: int, path: str) -> int | None:
    """The status of a GET, or None when nobody answers in time."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=PROBE_SECONDS_MAX)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def _greets_with(port: int, greeting: bytes) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), timeout=PROBE_SECONDS_MAX) as connection:
            return connection.recv(len(greeting)) == greeting if greeting else True
    except OSError:
        return False
