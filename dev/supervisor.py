"""Starts processes as their order allows, notices the one that dies, and stops them in order.

It knows nothing of MLsploit: the list of processes says it all. Everything happens in the main
thread, in small steps, so that a signal can interrupt at any of them.
Invariant: when `stop` returns, no process and no process group is left.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from signal import SIGKILL, SIGTERM

from dev.probes import is_ready
from dev.process import Process
from dev.specs import Spec

TICK_SECONDS = 0.05

Environment = Callable[[Spec], Mapping[str, str]]
ReadySink = Callable[[str, float], None]


def ignore(_name: str, _seconds: float) -> None:
    """Tell nobody that a process is ready."""


class ProcessDied(Exception):
    """A process that should run has ended."""

    def __init__(self, process: Process) -> None:
        super().__init__(process.describe_end())
        self.name = process.name


class NotReadyInTime(Exception):
    """Everything runs, but not everything answers."""


class Interrupted(Exception):
    """Somebody asked to stop while the system was starting."""


class Supervisor:
    """A set of processes with one life."""

    def __init__(
        self,
        processes: Sequence[Process],
        environment: Environment,
        *,
        done: frozenset[str] = frozenset(),
        on_ready: ReadySink = ignore,
    ) -> None:
        self._processes = {process.name: process for process in processes}
        self._environment = environment
        self._on_ready = on_ready
        self._ready = set(done)
        self._down_on_purpose: set[str] = set()
        self._stop_requests = 0

    def __getitem__(self, name: str) -> Process:
        return self._processes[name]

    @property
    def pids(self) -> dict[str, int]:
        return {p.name: p.pid for p in self._processes.values() if p.is_alive and p.pid}

    @property
    def is_stop_requested(self) -> bool:
        return self._stop_requests > 0

    def request_stop(self) -> None:
        """Ask for the end; asking again ends the patience with processes that take their time."""
        self._stop_requests += 1

    def start(self, *, seconds_max: float) -> None:
        """Bring everything up; raises when a process dies, or is not ready in time."""
        began = time.monotonic()
        while waiting := self._not_ready():
            self._start_what_may()
            for process in waiting:
                if process.pid is not None and self._became_ready(process):
                    self._on_ready(process.name, time.monotonic() - began)
            if time.monotonic() - began > seconds_max:
                names = ", ".join(process.name for process in waiting)
                raise NotReadyInTime(f"Not ready after {seconds_max:.0f} s: {names}.")
            self.pause()

    def pause(self) -> None:
        """Let a moment pass, unless something is amiss."""
        self.check()
        if self.is_stop_requested:
            raise Interrupted
        time.sleep(TICK_SECONDS)

    def check(self) -> None:
        """Raise if any process that should run has ended."""
        for process in self._processes.values():
            if process.exit_code is None or process.name in self._down_on_purpose:
                continue
            if not (process.spec.runs_once and process.exit_code == 0):
                raise ProcessDied(process)

    def kill(self, name: str) -> None:
        """End one process as a crash would, without counting it as one."""
        self._down_on_purpose.add(name)
        self._ready.discard(name)
        self[name].signal(SIGKILL)
        self[name].kill()

    def restart(self, name: str, *, seconds_max: float = 60) -> None:
        """Start one process again, after an orderly end if it still runs."""
        self._stop_together([self[name]])
        self._ready.discard(name)
        self._launch(self[name])
        self.start(seconds_max=seconds_max)

    def stop(self) -> None:
        """End everything, stage by stage; safe to call at any time and more than once."""
        by_stage = sorted(self._processes.values(), key=lambda process: process.spec.stop_order)
        for _, stage in groupby(by_stage, key=lambda process: process.spec.stop_order):
            self._stop_together(list(stage))

    def _not_ready(self) -> list[Process]:
        return [p for p in self._processes.values() if self._is_awaited(p.name)]

    def _is_awaited(self, name: str) -> bool:
        return name not in self._ready and name not in self._down_on_purpose

    def _start_what_may(self) -> None:
        for process in self._not_ready():
            if process.pid is None and self._ready.issuperset(process.spec.waits_for):
                self._launch(process)

    def _launch(self, process: Process) -> None:
        self._down_on_purpose.discard(process.name)
        process.start(self._environment(process.spec))

    def _became_ready(self, process: Process) -> bool:
        if process.spec.runs_once:
            is_up = process.exit_code == 0
        else:
            is_up = is_ready(process.ready, process.port)
        if is_up:
            self._ready.add(process.name)
        return is_up

    def _stop_together(self, processes: list[Process]) -> None:
        began = time.monotonic()
        for process in processes:
            self._down_on_purpose.add(process.name)
            process.signal(SIGTERM)
        while any(self._may_take_longer(process, began) for process in processes):
            time.sleep(TICK_SECONDS)
        for process in processes:
            process.kill()

    def _may_take_longer(self, process: Process, began: float) -> bool:
        is_patient = self._stop_requests < 2
        in_time = time.monotonic() - began < process.spec.stop_seconds
        return process.is_alive and is_patient and in_time
