"""What the demonstration found out about each image."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True)
class Verdict:
    """What the network said about an image, and how sure it was (0 to 1)."""

    label: str
    confidence: float

    @classmethod
    def from_file(cls, file: dict[str, Any]) -> Self:
        tags = json.loads(file["tags"])
        return cls(tags["label"], float(tags["confidence"]))

    def __str__(self) -> str:
        return f"{self.label} ({self.confidence:.0%})"


@dataclass(frozen=True)
class Row:
    """One image on its way: three pictures as PNG bytes, and what the network said of each."""

    name: str
    original: bytes
    adversarial: bytes
    defended: bytes
    before: Verdict
    attacked: Verdict
    restored: Verdict
    distance_levels: int
    """L-infinity distance between original and adversarial picture, in grey levels of 1/255."""

    @property
    def fooled(self) -> bool:
        return self.attacked.label != self.before.label

    @property
    def saved(self) -> bool:
        return self.fooled and self.restored.label == self.before.label


@dataclass(frozen=True)
class DemoResult:
    """Everything that was found, and where the picture of it is."""

    username: str
    run_url: str
    rows: list[Row]
    picture: Path

    @property
    def summary(self) -> str:
        fooled = sum(row.fooled for row in self.rows)
        saved = sum(row.saved for row in self.rows)
        return (
            f"The attack changed {fooled} of {len(self.rows)} labels;"
            f" the defence brought {saved} of them back."
        )
