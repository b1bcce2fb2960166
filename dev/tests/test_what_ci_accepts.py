"""CI passes only what was tested: a part left out without saying why is a failure."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from dev.environment import ROOT

EXPLAINED = "SKIPPED [2] services/files/tests/test_s3.py:9: no S3 here: set TEST_S3_URL\n"
UNEXPLAINED = "SKIPPED [2] services/files/tests/test_s3.py:9: unconditional skip\n"
ALL_PASS = 'echo "== 12 passed in 3.40s =="'
ANSWERS = "exit 0"
IS_AWAY = "exit 1"
COMES_UP = '[ -e "$(dirname "$0")/is-up" ]'


@dataclass
class Ci:
    """A repository with nothing but `.ci`, on a machine with nothing but what a test puts there."""

    folder: Path

    def __post_init__(self) -> None:
        shutil.copytree(ROOT / ".ci", self.folder / "repository" / ".ci")
        self.command("docker", IS_AWAY)
        self.command("id", "echo 1000")
        self.command("nginx", "")
        self.command("apache2", "")

    def command(self, name: str, script: str) -> None:
        self._program(self.folder / "bin" / name, script)

    def standins(self, script: str) -> None:
        self.command("id", "echo 0")
        self._program(self.folder / "shared" / "tools" / "docker-standins", script)

    def runs(self, make: str) -> subprocess.CompletedProcess[str]:
        self.command("make", make)
        environ = {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "DOCKER_STANDINS_PID": str(self.folder / "dockerd.pid"),
        }
        run = [self.folder / "repository" / ".ci" / "run"]
        return subprocess.run(run, env=environ, capture_output=True, text=True)

    def _program(self, path: Path, script: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)


@pytest.fixture
def ci(tmp_path: Path) -> Ci:
    return Ci(tmp_path)


@pytest.mark.parametrize("engine", [IS_AWAY, ANSWERS])
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
    ci: Ci, engine: str, said: str, passes: bool
) -> None:
    ci.command("docker", engine)

    assert (ci.runs(f"cat <<'END'\n{said}\nEND").returncode == 0) is passes


@pytest.mark.parametrize("part", ["lint", "test", "test-compose"])
def test_a_part_that_fails_fails_the_whole(ci: Ci, part: str) -> None:
    ci.command("docker", ANSWERS)

    assert ci.runs(f'{ALL_PASS}; [ "$1" != {part} ]').returncode != 0


@pytest.mark.parametrize("part", ["test", "test-compose"])
def test_a_part_without_tests_fails_the_whole(ci: Ci, part: str) -> None:
    ci.command("docker", ANSWERS)

    assert ci.runs(f'[ "$1" = {part} ] || {ALL_PASS}').returncode != 0


def test_the_last_line_adds_up_what_all_parts_have_said(ci: Ci) -> None:
    ci.command("docker", ANSWERS)
    of_compose = 'echo "===== 2 failed, 30 passed in 83.10s (0:01:23) ====="'
    of_the_rest = f"cat <<'END'\n{EXPLAINED}10 passed, 2 skipped in 3.40s\nEND"
    done = ci.runs(f"case $1 in test) {of_the_rest}\n;; test-compose) {of_compose}; exit 1;; esac")

    assert done.stdout.splitlines()[-1] == "===== 40 passed, 2 skipped, 2 failed in 86.50s ====="
    assert done.returncode != 0


def test_without_an_engine_it_says_what_did_not_run_and_why(ci: Ci) -> None:
    done = ci.runs(f"echo making $1; {ALL_PASS}")

    assert done.returncode == 0
    assert "making test-compose" not in done.stdout
    assert "docker (with compose 2) does not answer, and there is no ../shared" in done.stderr
    assert "make test-compose) did NOT run" in done.stderr


def test_an_engine_that_it_can_set_up_is_there_for_every_test_and_gone_afterwards(ci: Ci) -> None:
    ci.command("docker", COMES_UP)
    engine = subprocess.Popen(["sleep", "600"])
    up = ci.folder / "bin" / "is-up"
    ci.standins(
        f'[ "$1" = --compose-v2 ] && touch {up}; echo {engine.pid} > {ci.folder}/dockerd.pid'
    )
    done = ci.runs(f'[ "$1" = lint ] || [ -e {up} ] || exit 1; echo making $1; {ALL_PASS}')

    assert done.returncode == 0
    assert "making test-compose" in done.stdout
    assert "24 passed" in done.stdout.splitlines()[-1]
    assert engine.wait(timeout=10) != 0


def test_an_engine_that_was_there_before_stays(ci: Ci) -> None:
    ci.command("docker", ANSWERS)
    engine = subprocess.Popen(["sleep", "600"])
    ci.standins(f"echo {engine.pid} > {ci.folder}/dockerd.pid")
    try:
        assert ci.runs(ALL_PASS).returncode == 0
        assert engine.poll() is None
    finally:
        engine.kill()
        engine.wait()


def test_an_engine_that_cannot_be_set_up_is_named_and_the_rest_goes_on(ci: Ci) -> None:
    ci.standins("echo no space left; exit 1")
    done = ci.runs(ALL_PASS)

    assert done.returncode == 0
    assert "docker-standins failed" in done.stderr
    assert "12 passed" in done.stdout.splitlines()[-1]
