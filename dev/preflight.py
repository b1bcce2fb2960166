"""What must hold before anything starts, and one sentence for each thing that does not.

Invariant: after these checks the data directory is ours alone until the lock is let go, however
the process before us ended.
"""

import fcntl
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from pathlib import Path
from typing import TextIO

from dev.ports import LOOPBACK, is_free
from shared.settings import unknown_names

GATEWAY_PORT_DEFAULT = 8000
# A year: beyond some centuries Traefik's clock overflows.
REQUEST_SECONDS_MAX = 365 * 24 * 3600
DATABASE_CHECKED_WHOLE_BYTES_MAX = 64 * 1024 * 1024


class StartupFault(Exception):
    """Something is wrong with the machine or the settings; the text is one sentence."""


def find_tool(name: str) -> str:
    """The path of a program: beside the Python in use, then in PATH."""
    if name == "python":
        return sys.executable
    beside = Path(sys.executable).parent / name
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which(name)
    if found is None:
        how = "install it" if name == "git" else "`make run` installs it into .venv"
        raise StartupFault(f"{name} is missing: {how}, or put it in PATH.")
    return found


def gateway_port(settings: Mapping[str, str]) -> int:
    """The port asked for; 0 means any."""
    text = settings.get("MLSPLOIT_GATEWAY_PORT") or str(GATEWAY_PORT_DEFAULT)
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise StartupFault(f"MLSPLOIT_GATEWAY_PORT is {text!r}, which is no port (0 to 65535).")
    port = int(text)
    if port and not is_free(port):
        raise StartupFault(
            f"Port {port} on {LOOPBACK} is in use: stop what uses it, "
            "or choose another with MLSPLOIT_GATEWAY_PORT."
        )
    return port


def trusted_proxies(settings: Mapping[str, str]) -> list[str]:
    """Addresses and networks; Traefik would speak of CIDR, and not name the setting."""
    setting = settings.get("MLSPLOIT_TRUSTED_PROXIES", "")
    found = [proxy.strip() for proxy in setting.split(",") if proxy.strip()]
    for proxy in found:
        try:
            ip_network(proxy, strict=False)
        except ValueError as error:
            raise StartupFault(f"MLSPLOIT_TRUSTED_PROXIES: {error}.") from None
    return found


def request_seconds_max(settings: Mapping[str, str]) -> int | None:
    """How long a request may take to arrive at the gateway; None for its own limit."""
    text = settings.get("MLSPLOIT_GATEWAY_REQUEST_SECONDS_MAX")
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= REQUEST_SECONDS_MAX:
        said = f"MLSPLOIT_GATEWAY_REQUEST_SECONDS_MAX is {text!r}, which is no number of seconds"
        raise StartupFault(f"{said} (1 to {REQUEST_SECONDS_MAX}).")
    return int(text)


def sampled_ratio(settings: Mapping[str, str]) -> float:
    """The share of traces that are kept, which the gateway is told as well."""
    text = settings.get("MLSPLOIT_OTLP_SAMPLED_RATIO", "1")
    try:
        return float(text)
    except ValueError:
        raise StartupFault(f"MLSPLOIT_OTLP_SAMPLED_RATIO is {text!r}, not 0 to 1.") from None


def check_names(settings: Iterable[str]) -> None:
    """Before anything starts; each process would refuse an unknown name, too."""
    if faults := unknown_names(settings):
        raise StartupFault("\n".join(faults))


def lock_data_dir(data_dir: Path) -> TextIO:
    """Take the directory for this process; the kernel lets go of the lock when the process ends."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = (data_dir / "lock").open("a+")
    except OSError as error:
        raise StartupFault(f"Cannot write to {data_dir}: {error.strerror}.") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        holder = lock.read().strip() or "unknown"
        lock.close()
        raise StartupFault(
            f"Another system (process {holder}) runs on {data_dir}: stop it, "
            "or choose another folder with MLSPLOIT_DATA_DIR."
        ) from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def check_databases(data_dir: Path, names: Iterable[str]) -> None:
    """Refuse a SQLite file that cannot be read, before a service trips over it."""
    for name in names:
        path = data_dir / name / f"{name}.sqlite3"
        if path.exists():
            fault = _database_fault(path)
            if fault:
                raise StartupFault(
                    f"The database {path} is broken ({fault}): "
                    "restore it from a backup, or move it away to start empty."
                )


def _database_fault(path: Path) -> str | None:
    is_small = path.stat().st_size <= DATABASE_CHECKED_WHOLE_BYTES_MAX
    question = "PRAGMA quick_check(1)" if is_small else "SELECT count(*) FROM sqlite_master"
    try:
        connection = sqlite3.connect(path)
        try:
            answer = str(connection.execute(question).fetchone()[0])
        finally:
            connection.close()
    except sqlite3.Error as error:
        return str(error)
    return None if answer == "ok" or not is_small else answer.splitlines()[-1]
