"""What must hold before anything starts, and one sentence for each thing that does not.

Invariant: after these checks the data directory is ours alone until the lock is let go, however
the process before us ended.
"""

import fcntl
import os
import re
import shutil
import sqlite3
import sys
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TextIO

from dev.environment import ROOT
from dev.ports import LOOPBACK, is_free
from shared.settings import ServiceSettings

GATEWAY_PORT_DEFAULT = 8000
SERVICES = ("USERS", "FILES", "MODULES", "PIPELINES", "RUNS")
OF_EVERY_SERVICE = tuple(
    f"_{field.upper()}"
    for field, info in ServiceSettings.model_fields.items()
    if info.validation_alias is None
)
DOCUMENTED = re.compile(r"^(?:# )?(MLSPLOIT_\w+)=", re.MULTILINE)
# Where the processes find each other is decided at the start.
INNER = re.compile(r"MLSPLOIT_(NATS|GATEWAY|USERS|FILES|MODULES|PIPELINES|RUNS|PORTAL)_URL")
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


def unknown_setting(name: str, known: list[str]) -> str:
    """A sentence about a name that is none, with the one that was meant, if it looks like it."""
    like = get_close_matches(name, known, n=1, cutoff=0.8)
    meant = f"; {like[0]} is" if like else ""
    return f"{name}: is no setting{meant} (.env.example has them all)"


def check_names(settings: Iterable[str]) -> None:
    """A misspelt setting would be silently without effect."""
    documented = set(DOCUMENTED.findall((ROOT / ".env.example").read_text()))
    # What every service has is documented once, with runs as the example.
    every = {name.replace("_RUNS_", f"_{service}_") for name in documented for service in SERVICES}
    known = documented | {n for n in every if n.endswith(OF_EVERY_SERVICE)}
    unknown = [name for name in sorted(settings) if name not in known and not INNER.fullmatch(name)]
    if unknown:
        raise StartupFault("\n".join(unknown_setting(name, sorted(known)) for name in unknown))


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
