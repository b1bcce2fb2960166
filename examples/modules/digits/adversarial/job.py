"""A job as a module sees it: a folder with `input/` and `output/`, and a JSON file in each.

Each input file is either handed on (unchanged or modified, under its own name) or left out; the
report lists what is in `output/`, and is written last, so that a job that dies half-way has none.
"""

import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from .errors import JobError

Tags = dict[str, str | float]


@dataclass
class Job:
    """What is asked for, and what has been made so far."""

    function: str
    options: dict[str, Any]
    inputs: list[Path]
    output: Path
    tags: dict[str, Tags] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    modified: list[str] = field(default_factory=list)

    @classmethod
    def from_environment(cls) -> Self:
        folder = Path(os.environ.get("MLSPLOIT_JOB_DIR", "/mnt"))
        asked = json.loads((folder / "input" / "input.json").read_text(encoding="utf-8"))
        inputs = [folder / "input" / name for name in asked["files"]]
        return cls(asked["name"], asked["options"], inputs, folder / "output")

    def inputs_ending(self, suffix: str) -> list[Path]:
        return [path for path in self.inputs if path.suffix.lower() == suffix]

    def whole_number(self, option: str, lowest: int, highest: int) -> int:
        value = self.options[option]
        if not isinstance(value, int) or not lowest <= value <= highest:
            raise JobError(
                f"{option} must be a whole number from {lowest} to {highest}, not {value}"
            )
        return value

    def number(self, option: str, lowest: float, highest: float) -> float:
        value = self.options[option]
        if not isinstance(value, int | float) or not lowest <= value <= highest:
            raise JobError(f"{option} must be a number from {lowest} to {highest}, not {value}")
        return float(value)

    def create(self, name: str, tags: Tags) -> Path:
        """Where to write a file that no input was the origin of."""
        self.created.append(name)
        self.tags[name] = tags
        return self.output / name

    def modify(self, original: Path, tags: Tags) -> Path:
        """Where to write the new version of an input: its name is how the parent is found."""
        self.modified.append(original.name)
        self.tags[original.name] = tags
        return self.output / original.name

    def hand_on(self, original: Path) -> None:
        """Give an input to the next job as it is: listed, but neither created nor modified."""
        self.tags[original.name] = {}
        shutil.copyfile(original, self.output / original.name)

    def report(self) -> None:
        report = {
            "name": self.function,
            "files": list(self.tags),
            "files_created": self.created,
            "files_modified": self.modified,
            "tags": list(self.tags.values()),
        }
        (self.output / "output.json").write_text(json.dumps(report), encoding="utf-8")
