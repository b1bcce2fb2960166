"""CI passes only what was tested: a part left out without saying why is a failure."""

import os
import subprocess
from pathlib import Path

import pytest

from dev.environment import ROOT

EXPLAINED = "SKIPPED [2] services/files/tests/test_s3.py:9: no S3 here: set TEST_S3_URL\n"
UNEXPLAINED = "SKIPPED [2] services/files/tests/test_s3.py:9: unconditional skip\n"


@pytest.mark.parametrize(
    ("said", "passes"),
    [
        ("===== 12 passed in 3.40s =====", True),
        ("12 passed in 3.40s", True),
        ("===== 112 passed in 83.40s (0:01:23) =====", True),
        (EXPLAINED + "===== 10 passed, 2 skipped in 3.40s =====", True),
        (UNEXPLAINED + "===== 10 passed, 2 skipped in 3.40s =====", False),
        (EXPLAINED + "===== 10 passed, 12 skipped in 3.40s =====", False),
        ("===== 10 passed, 2 skipped in 3.40s =====", False),
        ("===== 10 passed, 2 deselected in 3.40s =====", False),
        (EXPLAINED + "===== 2 skipped in 3.40s =====", False),
        ("===== no tests ran in 0.01s =====", False),
        ("", False),
    ],
)
def test_only_a_whole_and_explained_test_run_passes(
    tmp_path: Path, said: str, passes: bool
) -> None:
    assert (ci_with_make(tmp_path, f"cat <<'END'\n{said}\nEND") == 0) is passes


@pytest.mark.parametrize("part", ["lint", "test"])
def test_a_part_that_fails_fails_the_whole(tmp_path: Path, part: str) -> None:
    fails = f'echo "12 passed in 3.40s"; [ "$1" != {part} ]'

    assert ci_with_make(tmp_path, fails) != 0


def ci_with_make(folder: Path, script: str) -> int:
    """The exit code of `.ci/run` when make does just this."""
    make = folder / "make"
    make.write_text(f"#!/bin/sh\n{script}\n")
    make.chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    done = subprocess.run([ROOT / ".ci" / "run"], env={"PATH": path}, capture_output=True)
    return done.returncode
