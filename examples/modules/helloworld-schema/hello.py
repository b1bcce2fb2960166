"""Greet the names in the input files, with the output keys of the older format."""

import json
import os
import sys
from pathlib import Path
from typing import Any

JOB_FOLDER = Path(os.environ.get("MLSPLOIT_JOB_DIR", "/mnt"))
INPUT, OUTPUT = JOB_FOLDER / "input", JOB_FOLDER / "output"
SALUTATIONS = {"formal": "Good day", "friendly": "Hi"}


def say_hello(files: list[str], options: dict[str, Any]) -> dict[str, Any]:
    # An option that is not required has no default in this format: it may be missing.
    ending = "!" if options.get("excited") else "."
    made, tags = [], []
    for file in files:
        name = (INPUT / file).read_text(encoding="utf-8").strip()
        line = f"{SALUTATIONS[options['style']]}, {name}{ending}"
        print(line)
        made.append(f"{Path(file).stem}-greeting.txt")
        tags.append({"ftype": "greeting", "length": len(line)})
        (OUTPUT / made[-1]).write_text(f"{line}\n" * options["repeat"], encoding="utf-8")
    return {"files": made, "files_extra": made, "files_modified": [], "tags": tags}


def shout(files: list[str], _options: dict[str, Any]) -> dict[str, Any]:
    for file in files:
        text = (INPUT / file).read_text(encoding="utf-8")
        (OUTPUT / file).write_text(text.upper(), encoding="utf-8")
    tags = [{"mlsploit-visualize": "text"} for _ in files]
    return {"files": files, "files_extra": [], "files_modified": files, "tags": tags}


def fail(_files: list[str], _options: dict[str, Any]) -> dict[str, Any]:
    sys.exit("Failing, as asked.")


FUNCTIONS = {"say_hello": say_hello, "shout": shout, "fail": fail}


def main() -> None:
    job = json.loads((INPUT / "input.json").read_text(encoding="utf-8"))
    output = FUNCTIONS[job["name"]](job["files"], job["options"])
    output["name"] = job["name"]
    (OUTPUT / "output.json").write_text(json.dumps(output), encoding="utf-8")


if __name__ == "__main__":
    main()
