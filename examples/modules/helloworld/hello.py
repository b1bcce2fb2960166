"""Greet the names in the input files: the whole of a module in one file.

A module reads `input/input.json` and the files beside it, writes its files to `output/`, and lists
them in `output/output.json`, which it writes last: a job that has no such file has failed.
"""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

JOB_FOLDER = Path(os.environ.get("MLSPLOIT_JOB_DIR", "/mnt"))
INPUT, OUTPUT = JOB_FOLDER / "input", JOB_FOLDER / "output"
REPEAT_MAX = 100


class JobError(Exception):
    """The job cannot be done; the text says why, in words for the person who started it."""


@dataclass
class Outputs:
    """What the job hands back: each file once, with its tags."""

    tags: dict[str, dict[str, Any]] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    modified: list[str] = field(default_factory=list)

    def create(self, name: str, text: str, tags: dict[str, Any]) -> None:
        (OUTPUT / name).write_text(text, encoding="utf-8")
        self.created.append(name)
        self.tags[name] = tags

    def modify(self, name: str, text: str, tags: dict[str, Any]) -> None:
        # A modified file keeps the name of its input: that is how its parent is found.
        (OUTPUT / name).write_text(text, encoding="utf-8")
        self.modified.append(name)
        self.tags[name] = tags

    def report(self, function: str) -> None:
        output = {
            "name": function,
            "files": list(self.tags),
            "files_created": self.created,
            "files_modified": self.modified,
            "tags": list(self.tags.values()),
        }
        (OUTPUT / "output.json").write_text(json.dumps(output), encoding="utf-8")


def greet(files: list[str], options: dict[str, Any], outputs: Outputs) -> None:
    repeat = options["repeat"]
    if not 1 <= repeat <= REPEAT_MAX:
        raise JobError(f"repeat must be from 1 to {REPEAT_MAX}, not {repeat}")
    for file in files:
        name = read(file).strip()
        line = f"{options['greeting']}, {name}{options['ending']}"
        print(line)
        tags = {"name": name, "length": len(line)}
        outputs.create(f"{Path(file).stem}-greeting.txt", f"{line}\n" * repeat, tags)


def shout(files: list[str], _options: dict[str, Any], outputs: Outputs) -> None:
    for file in files:
        text = read(file).upper()
        outputs.modify(file, text, {"capitals": sum(letter.isupper() for letter in text)})


def fail(_files: list[str], options: dict[str, Any], _outputs: Outputs) -> None:
    print(options["message"], file=sys.stderr)
    sys.exit(min(max(options["exit_code"], 1), 125))


FUNCTIONS: dict[str, Callable[[list[str], dict[str, Any], Outputs], None]] = {
    "Greet": greet,
    "Shout": shout,
    "Fail": fail,
}


def read(file: str) -> str:
    try:
        return (INPUT / file).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise JobError(f"{file} is not a UTF-8 text file") from error


def main() -> None:
    job = json.loads((INPUT / "input.json").read_text(encoding="utf-8"))
    outputs = Outputs()
    try:
        FUNCTIONS[job["name"]](job["files"], job["options"], outputs)
    except JobError as error:
        sys.exit(f"{job['name']}: {error}")
    outputs.report(job["name"])


if __name__ == "__main__":
    main()
