"""What a check says: one line about one thing, and one sentence of what to do if it is not well."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

SAID_CHARACTERS_MAX = 300


class Grade(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True)
class Verdict:
    grade: Grade
    about: str
    said: str
    remedy: str = ""

    def __str__(self) -> str:
        said = " ".join(self.said.split())[:SAID_CHARACTERS_MAX]
        line = f"{self.grade:<9}{self.about}: {said}"
        return f"{line}\n{'':<9}-> {self.remedy}" if self.remedy else line


def ok(about: str, said: str = "ok") -> Verdict:
    return Verdict(Grade.OK, about, said)


def warning(about: str, said: str, remedy: str) -> Verdict:
    return Verdict(Grade.WARNING, about, said, remedy)


def fault(about: str, said: str, remedy: str) -> Verdict:
    return Verdict(Grade.FAULT, about, said, remedy)


def summary(verdicts: Iterable[Verdict]) -> str:
    grades = [verdict.grade for verdict in verdicts]
    counts = {grade: grades.count(grade) for grade in Grade}
    return (
        f"{counts[Grade.OK]} ok, {counts[Grade.WARNING]} to be looked at, "
        f"{counts[Grade.FAULT]} at fault."
    )
