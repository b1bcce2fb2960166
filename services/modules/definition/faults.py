"""What can be wrong with a definition, and where.

The author of a module sees nothing but these faults, so each one names file, line, column and
field, and says what is allowed; all of a file's faults come together.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

DOCUMENT = "(document)"


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that is wrong, at a line and column counted from 1."""

    file: str
    line: int
    column: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.field}: {self.message}"


class DefinitionRefused(Exception):
    """The definition cannot be used; `faults` says everything that is wrong with it."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(str(fault) for fault in self.faults))


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a file."""

    file: str
    line: int
    column: int

    def fault(self, field: str, message: str) -> Fault:
        return Fault(self.file, self.line, self.column, field, message)

    def refusal(self, message: str) -> DefinitionRefused:
        """The refusal of a whole file that cannot be read beyond this place."""
        return DefinitionRefused([self.fault(DOCUMENT, message)])


@dataclass(slots=True)
class Report:
    """Collects faults while reading goes on, so that none hides another."""

    faults: list[Fault] = field(default_factory=list)

    def note(self, place: Place, field: str, message: str) -> None:
        self.faults.append(place.fault(field, message))

    def refuse_if_any(self) -> None:
        if self.faults:
            raise DefinitionRefused(self.faults)
