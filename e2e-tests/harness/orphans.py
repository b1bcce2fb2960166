"""Finds what a system has left behind: processes that were started for its data directory."""

from pathlib import Path

import psutil

from dev.waiting import eventually

LINGER_SECONDS_MAX = 30.0


def orphans_of(data_dir: Path) -> list[str]:
    """Every process that works in the directory or was told about it."""
    return [_describe(process) for process in psutil.process_iter() if _belongs(process, data_dir)]


def expect_no_orphans(data_dir: Path) -> None:
    """The kernel may need a moment to end what it was told to end."""
    seen: list[str] = []

    def are_gone() -> bool:
        seen[:] = orphans_of(data_dir)
        return not seen

    try:
        eventually(are_gone, "all are gone", seconds_max=LINGER_SECONDS_MAX)
    except TimeoutError:
        raise AssertionError("\n".join(["left behind:", *seen])) from None


def _belongs(process: psutil.Process, data_dir: Path) -> bool:
    try:
        told = [process.cwd(), *process.cmdline(), *process.environ().values()]
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return False
    return process.status() != psutil.STATUS_ZOMBIE and any(str(data_dir) in text for text in told)


def _describe(process: psutil.Process) -> str:
    try:
        return f"{process.pid} {' '.join(process.cmdline())}"
    except psutil.Error:
        return str(process.pid)
