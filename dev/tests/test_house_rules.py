"""Every house rule catches what it is for; a rule that never fires protects nothing."""

from pathlib import Path

import pytest

from dev.tidy import SHARED_LINES_MAX, Report, Source, shared_budget

DOC = '"""Why."""\n'


@pytest.mark.parametrize(
    ("path", "text", "rule"),
    [
        ("shared/clock.py", "x = 1\n", "docstring"),
        ("shared/clock.py", DOC + "x = 1\n" * 300, "file-length"),
        ("shared/clock.py", DOC + "def long():\n" + "    x = 1\n" * 61, "function-length"),
        ("services/runs/routes/runs.py", DOC + "def get():\n" + "    x = 1\n" * 11, "route-length"),
        ("services/runs/helpers.py", DOC, "file-name"),
        ("services/__init__.py", DOC, "package"),
        ("services/runs/tests/__init__.py", DOC, "package"),
        ("services/runs/service.py", DOC + "session.commit()\n", "commit"),
        ("services/runs/service.py", DOC + "found = select(Run)\n", "select"),
        ("services/runs/tests/test_x.py", DOC + "time.sleep(1)\n", "no-sleep"),
        ("services/runs/tests/test_x.py", DOC + "from unittest.mock import Mock\n", "mock"),
        ("services/runs/tests/test_x.py", DOC + "from unittest import mock\n", "mock"),
        ("services/runs/tests/test_x.py", DOC + "def test_runs(): ...\n", "test-name"),
        ("docs/plan.md", "TO{}DO: write this\n".format(""), "unfinished"),
        ("docs/setup.md", "Look into /{}/data\n".format("root"), "machine-path"),
    ],
)
def test_a_rule_catches_what_it_is_for(path: str, text: str, rule: str) -> None:
    assert [f"[{rule}:" in fault for fault in faults(path, text)] == [True]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("shared/db.py", DOC + "session.commit()\n"),
        ("shared/events/base.py", DOC),
        ("services/runs/queries.py", DOC + "found = select(Run)\n"),
        ("services/runs/tests/test_x.py", DOC + "session.commit()\n"),
        ("dev/waiting.py", DOC + "time.sleep(1)\n"),
    ],
)
def test_what_is_right_passes(path: str, text: str) -> None:
    assert faults(path, text) == []


def test_an_exception_with_a_reason_is_granted() -> None:
    line = "session.commit()  # tidy: allow commit - a command without events\n"

    assert faults("services/runs/cli.py", DOC + line) == []


def test_an_exception_for_a_whole_file_may_stand_anywhere_in_it() -> None:
    reason = "# tidy: allow file-length - one table, read as one\n"

    assert faults("shared/words.py", DOC + "x = 1\n" * 300 + reason) == []


def test_an_exception_without_a_reason_is_a_fault() -> None:
    found = faults("services/runs/cli.py", DOC + "session.commit()  # tidy: allow commit\n")

    assert "says why" in found[0]
    assert "[commit:" in found[1]


def test_an_exception_that_excepts_nothing_is_a_fault() -> None:
    assert "nothing here needs it" in faults("a.py", DOC + "# tidy: allow commit - once\n")[0]


def test_the_kernel_has_a_budget_that_tests_do_not_count_against() -> None:
    code = Source(Path("shared/big.py"), "x = 1\n" * (SHARED_LINES_MAX + 1))
    tests = Source(Path("shared/tests/test_big.py"), "x = 1\n" * (SHARED_LINES_MAX + 1))

    assert list(shared_budget([tests])) == []
    assert f"{SHARED_LINES_MAX + 1} lines" in next(iter(shared_budget([code, tests])))


def faults(path: str, text: str) -> list[str]:
    report = Report()
    report.judge(Source(Path(path), text))
    return report.faults
