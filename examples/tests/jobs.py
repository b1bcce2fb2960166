"""Run example modules as a worker does: `sh run.sh` in a checkout, one fresh folder per job."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parents[1]
MODULES = EXAMPLES / "modules"
JOB_SECONDS_MAX = 60


@dataclass(frozen=True)
class FinishedJob:
    """What a job left behind; the report is empty when there is none."""

    exit_code: int
    logs: str
    output: Path
    report: dict[str, Any]

    def tags(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.report["tags"][self.report["files"].index(name)]
        return found

    def files(self) -> dict[str, bytes]:
        return {name: (self.output / name).read_bytes() for name in self.report["files"]}


RunJob = Callable[[str, dict[str, Any], dict[str, bytes]], FinishedJob]
"""Takes the function, its options and the input files by name."""


def runner(folder: Path, module: str, python: Path) -> RunJob:
    """A way to run jobs of one module, in a checkout of its own inside the folder."""
    checkout = folder / "checkout"
    shutil.copytree(MODULES / module, checkout)

    def run(function: str, options: dict[str, Any], files: dict[str, bytes]) -> FinishedJob:
        job = _prepared(folder, function, options, files)
        path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", "run.sh"],
            cwd=checkout,
            env={"PATH": path, "MLSPLOIT_JOB_DIR": str(job)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=JOB_SECONDS_MAX,
            check=False,
        )
        report = job / "output" / "output.json"
        told = json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}
        return FinishedJob(done.returncode, done.stdout, job / "output", told)

    return run


def _prepared(
    folder: Path, function: str, options: dict[str, Any], files: dict[str, bytes]
) -> Path:
    job = Path(tempfile.mkdtemp(prefix="job-", dir=folder))
    (job / "input").mkdir()
    (job / "output").mkdir()
    for name, content in files.items():
        (job / "input" / name).write_bytes(content)
    asked = {
        "name": function,
        "num_files": len(files),
        "files": list(files),
        "options": options,
        "tags": [{} for _ in files],
    }
    (job / "input" / "input.json").write_text(json.dumps(asked), encoding="utf-8")
    return job
