"""The system that a demonstration or a measurement talks to: a running one, or one made for it."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from dev.environment import data_dir_of, read_settings
from dev.preflight import GATEWAY_PORT_DEFAULT, StartupFault
from dev.probes import http_status
from dev.stack import Stack


@contextmanager
def a_system() -> Iterator[str]:
    """The address of a system that is ready; one that is made here leaves nothing behind."""
    settings = read_settings()
    running = next((url for url in _candidates(settings) if _is_ready(url)), None)
    if running is not None:
        yield running
    elif asked := settings.get("MLSPLOIT_GATEWAY_URL"):
        raise StartupFault(f"{asked} does not answer, or is not ready.")
    else:
        print("No system is running here, so this starts one of its own.", flush=True)
        with tempfile.TemporaryDirectory(prefix="mlsploit-") as folder, Stack(Path(folder)) as own:
            yield own.url


def _candidates(settings: Mapping[str, str]) -> Iterator[str]:
    if asked := settings.get("MLSPLOIT_GATEWAY_URL"):
        yield asked
        return
    state = data_dir_of(settings) / "stack.json"
    if state.exists():
        yield str(json.loads(state.read_text())["url"])
    port = settings.get("MLSPLOIT_GATEWAY_PORT") or GATEWAY_PORT_DEFAULT
    yield f"http://127.0.0.1:{port}"


def _is_ready(url: str) -> bool:
    address = urlsplit(url)
    if address.hostname != "127.0.0.1" or not address.port:
        return True  # Not ours to judge: the client's own errors say more.
    return http_status(address.port, "/healthz") == 200
