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
            figure = float(str(value))
            tally.figures[name] = max(figure, tally.figures.get(name, figure))

    def table(self) -> Table:
        table = Table(title="Attacks")
        for heading in ("by", "tried", "held", "skipped", "figures"):
            table.add_column(heading, justify="left" if heading in {"by", "figures"} else "right")
        for title, tally in sorted(self.of_files.items()):
            figures = "\n".join(f"{name}: {value:g}" for name, value in tally.figures.items())
            counts = (tally.attacks, tally.held, tally.skipped)
            table.add_row(title, *map(str, counts), figures)
        total = self.of_files.values()
        table.add_section()
        table.add_row(
            "all",
            str(sum(tally.attacks for tally in total)),
            str(sum(tally.held for tally in total)),
            str(sum(tally.skipped for tally in total)),
        )
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
