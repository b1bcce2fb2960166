"""What each process of a system has cost so far, by the operating system's own accounting."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil

MEGABYTE = 1024 * 1024
# Linux: the clock of a process, to the nanosecond (clock_getcpuclockid, which Python lacks for
# processes). /proc counts in hundredths of a second, more than a request costs.
CPUCLOCK_SCHED = 2


@dataclass(frozen=True)
class Accounts:
    """The processes of a system, by name; `postgres` is a server's main process if there is one."""

    pids: Mapping[str, int]
    postgres: int | None = None

    def cpu_milliseconds(self) -> dict[str, float]:
        """Used since each began, by name, with what its children used."""
        return {name: _milliseconds(processes) for name, processes in self._processes()}

    def megabytes(self) -> dict[str, float]:
        """Memory that belongs to each process alone, plus its part of what it shares."""
        return {
            name: sum(process.memory_full_info().pss for process in processes) / MEGABYTE
            for name, processes in self._processes()
        }

    def _processes(self) -> Iterator[tuple[str, list[psutil.Process]]]:
        pids = dict(self.pids) | ({"postgres": self.postgres} if self.postgres else {})
        for name, pid in pids.items():
            process = psutil.Process(pid)
            yield name, [process, *process.children(recursive=True)]


def _milliseconds(processes: list[psutil.Process]) -> float:
    times = processes[0].cpu_times()
    ended = times.children_user + times.children_system
    running = sum(time.clock_gettime(~each.pid << 3 | CPUCLOCK_SCHED) for each in processes)
    return (ended + running) * 1000


def postgres_of(url: str) -> int | None:
    """The main process of the server behind this address, when its folder is on this machine."""
    folder = parse_qs(urlsplit(url).query).get("host", [""])[0]
    try:
        return int((Path(folder) / "data" / "postmaster.pid").read_text().split("\n")[0])
    except (OSError, ValueError):
        return None
