"""`make demo`: the demonstration on a running system, or on one made for it and thrown away."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from dev.environment import data_dir_of, read_settings
from dev.preflight import GATEWAY_PORT_DEFAULT, StartupFault
from dev.probes import http_status
from dev.stack import Stack
from dev.supervisor import NotReadyInTime, ProcessDied


@contextmanager
def a_system() -> Iterator[str]:
    """The address of a system that is ready."""
    settings = read_settings()
    running = next((url for url in _candidates(settings) if _is_ready(url)), None)
    if running is not None:
        yield running
    elif asked := settings.get("MLSPLOIT_GATEWAY_URL"):
        raise StartupFault(f"{asked} does not answer, or is not ready.")
    else:
        with temporary_system() as stack:
            yield stack.url


@contextmanager
def temporary_system() -> Iterator[Stack]:
    """A system of its own, which leaves nothing behind."""
    print("No system is running here, so this starts one of its own.", flush=True)
    with tempfile.TemporaryDirectory(prefix="mlsploit-") as folder, Stack(Path(folder)) as stack:
        yield stack


def _candidates(settings: dict[str, str]) -> Iterator[str]:
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
    is_local = address.hostname == "127.0.0.1" and address.port is not None
    return not is_local or http_status(address.port or 0, "/healthz") == 200


def main() -> int:
    try:
        with a_system() as url:
            command = [sys.executable, "-m", "examples.demo", "--url", url, *sys.argv[1:]]
            return subprocess.call(command)
    except (StartupFault, ProcessDied, NotReadyInTime) as fault:
        print(f"mlsploit: {fault}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
