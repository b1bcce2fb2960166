"""docs/reference/permissions.md as a program reads it: one row per route and method."""

from collections.abc import Iterator
from dataclasses import dataclass

from dev.environment import ROOT
from services.users.scopes import SCOPES

PAGE = ROOT / "docs" / "reference" / "permissions.md"
ROLES = ("anonymous", "owner", "other user", "worker token", "administrator")


@dataclass(frozen=True)
class Row:
    """What each role is answered, and which sets of scopes open the route to its owner."""

    path: str
    method: str
    statuses: dict[str, int]
    # None: any token does; empty: only one that is not narrowed.
    scopes: tuple[frozenset[str], ...] | None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def success(self) -> int:
        return min(self.statuses.values())

    def refused(self) -> list[str]:
        return [role for role in ROLES if self.statuses[role] >= 400]

    def allowed(self) -> list[str]:
        return [role for role in ROLES if self.statuses[role] < 400]

    def scopes_too_few(self) -> Iterator[frozenset[str]]:
        """Everything else there is, and each set that opens it less one of its members."""
        if self.scopes is None:
            return
        yield frozenset(SCOPES) - frozenset().union(*self.scopes)
        for chosen in self.scopes:
            yield from (chosen - {one} for one in chosen if len(chosen) > 1)


def rows() -> list[Row]:
    lines = [line.strip("|").split("|") for line in PAGE.read_text().splitlines()]
    cells = [[cell.strip().strip("`") for cell in line] for line in lines if len(line) == 8]
    return [_row(*each) for each in cells if each[0].startswith("/")]


def _row(path: str, method: str, *cells: str) -> Row:
    anonymous, owner, other, scopes, worker, administrator = cells
    statuses = map(int, (anonymous, owner, other, worker, administrator))
    return Row(path, method, dict(zip(ROLES, statuses, strict=True)), _alternatives(scopes))


def _alternatives(cell: str) -> tuple[frozenset[str], ...] | None:
    if cell == "any":
        return None
    words = [] if cell == "none" else cell.split(" or ")
    return tuple(frozenset(one.split(" + ")) for one in words)
