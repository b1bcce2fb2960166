"""`make test-security`: runs every test that attacks, and closes with what was tried and held.

A test says how much it tried and what it measured with pytest's own `record_property`; one that
says nothing is one attack. Figures of one name are shown by their largest value.
"""

import sys
from dataclasses import dataclass, field
from pathlib import PurePath

import pytest
from rich.console import Console
from rich.table import Table

from dev.environment import ROOT

ATTACKS = "attacks"


@dataclass
class Tally:
    """What the tests of one file tried."""

    attacks: int = 0
    held: int = 0
    skipped: int = 0
    figures: dict[str, float] = field(default_factory=dict)

    def measured(self, name: str, figure: float) -> None:
        self.figures[name] = max(figure, self.figures.get(name, figure))

    def add(self, other: "Tally") -> None:
        self.attacks += other.attacks
        self.held += other.held
        self.skipped += other.skipped
        for name, figure in other.figures.items():
            self.measured(name, figure)

    def cells(self) -> tuple[str, ...]:
        figures = "\n".join(f"{name}: {value:g}" for name, value in self.figures.items())
        return str(self.attacks), str(self.held), str(self.skipped), figures


@dataclass(eq=False)
class Closing:
    """A pytest plugin, which pytest wants to hash; `of_files` has the tallies by file, in words."""

    of_files: dict[str, Tally] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        is_outcome = report.when == "call" or (report.when == "setup" and not report.passed)
        if not is_outcome:
            return
        tally = self.of_files.setdefault(_title(report.nodeid), Tally())
        told = dict(report.user_properties)
        if report.skipped:
            tally.skipped += 1
            return
        attacks = int(str(told.pop(ATTACKS, 1)))
        tally.attacks += attacks
        tally.held += attacks if report.passed else 0
        for name, value in told.items():
            tally.measured(name, float(str(value)))

    def table(self) -> Table:
        table = Table(title="Attacks")
        for heading in ("by", "tried", "held", "skipped", "figures"):
            table.add_column(heading, justify="left" if heading in {"by", "figures"} else "right")
        total = Tally()
        for title, tally in sorted(self.of_files.items()):
            table.add_row(title, *tally.cells())
            total.add(tally)
        table.add_section()
        table.add_row("all", *total.cells())
        return table


def _title(node: str) -> str:
    path = PurePath(node.partition("::")[0])
    return f"{path.parts[0]}: {path.stem.removeprefix('test_').replace('_', ' ')}"


def main() -> int:
    closing = Closing()
    arguments = ["-q", "-m", "attack", f"--rootdir={ROOT}", *sys.argv[1:]]
    code = pytest.main(arguments, plugins=[closing])
    Console(width=120).print(closing.table())
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
