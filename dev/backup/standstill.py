"""NATS of the native run stands still, as long as the databases are copied.

Invariant: it goes on afterwards, whatever happened meanwhile.
"""

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from dev.waiting import eventually


@contextmanager
def nats_standing_still(data_dir: Path) -> Iterator[bool]:
    """Says whether there was anything to stop: of a system that is down, nothing moves."""
    process = _nats_of(data_dir)
    if process is None:
        yield False
        return
    os.kill(process.pid, signal.SIGSTOP)
    try:
        eventually(lambda: _stands_still(process), "NATS stands still")
        yield True
    finally:
        os.kill(process.pid, signal.SIGCONT)


def _stands_still(process: psutil.Process) -> bool:
    """Each of its threads notices the signal by itself."""
    states = [process.status()]
    for thread in process.threads():
        with suppress(psutil.NoSuchProcess):
            states.append(psutil.Process(thread.id).status())
    return set(states) == {psutil.STATUS_STOPPED}


def _nats_of(data_dir: Path) -> psutil.Process | None:
    try:
        pid = int(json.loads((data_dir / "stack.json").read_text())["pids"]["nats"])
        process = psutil.Process(pid)
        # The file may be older than the machine's last start, and the number somebody else's.
        is_ours = str(data_dir) in " ".join(process.cmdline())
    except (OSError, KeyError, ValueError, psutil.Error):
        return None
    return process if is_ours else None
