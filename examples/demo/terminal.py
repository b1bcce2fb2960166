"""What the person at the terminal sees: a bar for each job as it runs, and a table at the end."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from .gateway import Item
from .results import DemoResult, Row

COLOURS = {"RUNNING": "cyan", "FINISHED": "green", "FAILED": "red", "CANCELED": "red"}


class JobBars:
    """One bar per job: empty while it waits, moving while it runs, full when it is finished."""

    def __init__(self, console: Console, titles: list[str]) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[status]}"),
            TimeElapsedColumn(),
            console=console,
        )
        self._bars = [
            self._progress.add_task(title, start=False, total=1, status="") for title in titles
        ]
        self._shown = [""] * len(titles)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def show(self, jobs: list[Item]) -> None:
        for place, job in enumerate(jobs):
            if job["status"] != self._shown[place]:
                self._shown[place] = job["status"]
                self._change(place, job["status"])

    def _change(self, place: int, status: str) -> None:
        bar = self._bars[place]
        colour = COLOURS.get(status, "dim")
        self._progress.update(bar, status=f"[{colour}]{status}[/]")
        if status == "RUNNING":
            self._progress.start_task(bar)
            # How far a module is it does not tell: without a total, the bar moves to and fro.
            self._progress.update(bar, total=None)
        elif status == "FINISHED":
            # A quick job may never have been seen running.
            self._progress.start_task(bar)
            self._progress.update(bar, total=1, completed=1)
        elif status in ("FAILED", "CANCELED"):
            self._progress.update(bar, total=1, completed=0)
            self._progress.stop_task(bar)


def table(result: DemoResult) -> Table:
    shown = Table(title="What the network says", caption=result.summary)
    shown.add_column("image")
    for heading in ("before", "after the attack", "after the defence"):
        shown.add_column(heading, justify="center")
    shown.add_column("confidence", justify="right")
    shown.add_column("L-infinity", justify="right")
    for row in result.rows:
        shown.add_row(*_cells(row))
    return shown


def _cells(row: Row) -> list[str]:
    verdicts = (row.before, row.attacked, row.restored)
    labels = [
        f"[{'green' if verdict.label == row.before.label else 'red'}]{verdict.label}[/]"
        for verdict in verdicts
    ]
    sure = " > ".join(f"{verdict.confidence:4.0%}" for verdict in verdicts)
    levels = row.distance_levels
    return [row.name, *labels, sure, f"{levels / 255:.3f} ({levels}/255)"]
