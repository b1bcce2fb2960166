"""Adds a line to each input file, and notes in a ledger outside the job that it has done so."""

import json
import os
from pathlib import Path

JOB_FOLDER = Path(os.environ.get("MLSPLOIT_JOB_DIR", "/mnt"))
INPUT, OUTPUT = JOB_FOLDER / "input", JOB_FOLDER / "output"


def main() -> None:
    job = json.loads((INPUT / "input.json").read_text())
    for name in job["files"]:
        lines = (INPUT / name).read_text().splitlines()
        # One write of a short line at the end: executions at the same time do not mix.
        with open(job["options"]["ledger"], "ab", buffering=0) as ledger:
            ledger.write(f"{name} {len(lines)}\n".encode())
        (OUTPUT / name).write_text("\n".join([*lines, f"step {len(lines)}"]) + "\n")
    document = {"name": job["name"], "files": job["files"], "files_modified": job["files"]}
    (OUTPUT / "output.json").write_text(json.dumps(document))


if __name__ == "__main__":
    main()
