"""The bill of materials is whole, an audit says what it could not ask, the closing table counts."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from dev.audit import Audit, check_locks, judge, report
from dev.sbom import COMMON, PROCESSES, UNKNOWN, pins, written
from dev.security import Closing


def test_every_package_of_an_image_is_in_its_bill_with_hash_and_licence(tmp_path: Path) -> None:
    bills = {path.name.split(".")[0]: json.loads(path.read_text()) for path in written(tmp_path)}

    assert bills.keys() >= set(PROCESSES)
    for process in PROCESSES:
        bill = bills[process]
        assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
        listed = {(one["name"], one["version"]) for one in bill["components"]}
        locked = {(n, v) for lock in (COMMON, process) for n, v, _ in pins(lock)}
        assert listed == locked
        assert len({one["bom-ref"] for one in bill["components"]}) == len(bill["components"])
        for one in bill["components"]:
            assert one["hashes"], one["name"]
            assert one["licenses"][0]["license"]["name"] != UNKNOWN, one["name"]


def test_what_is_installed_is_what_is_pinned() -> None:
    audit = Audit()
    check_locks(audit)

    assert audit.found == []
    assert len(audit.checked) == 1


def test_an_audit_tells_a_package_that_nobody_knows_from_one_without_faults() -> None:
    audit = Audit()
    bad: dict[str, object] = {"name": "old", "version": "1", "vulns": [{"id": "PYSEC-1"}]}
    good: dict[str, object] = {"name": "new", "version": "2", "vulns": []}
    judge(audit, "PyPI", [bad, good, {"name": "own", "skip_reason": "not found"}])
    said = "\n".join(report(audit))

    assert "old 1: PYSEC-1 (PyPI)" in said
    assert "PyPI knows 2 of 3 packages" in said
    assert "PyPI does not know 1 of 3 packages" in said
    assert said.index("NOT checked") < said.index("Found")


def test_the_closing_table_counts_attacks_and_shows_the_largest_figures(
    some_reports: list[pytest.TestReport],
) -> None:
    closing = Closing()
    for one in some_reports:
        closing.pytest_runtest_logreport(one)
    said = io.StringIO()
    Console(file=said, width=120).print(closing.table())

    tally = closing.of_files["a: held"]
    assert (tally.attacks, tally.held, tally.skipped) == (42, 41, 1)
    assert tally.figures == {"growth, MiB": 7.0}
    assert "growth, MiB: 7" in said.getvalue()


@pytest.fixture
def some_reports() -> list[pytest.TestReport]:
    """What a run of four tests would tell."""

    def told(outcome: str, *properties: tuple[str, object]) -> pytest.TestReport:
        return pytest.TestReport(
            nodeid="a/tests/test_held.py::test_one",
            location=("a", 1, "b"),
            keywords={},
            outcome=outcome,  # type: ignore[arg-type]  # one of three words
            longrepr=None,
            when="call",
            user_properties=list(properties),
        )

    return [
        told("passed", ("attacks", 40), ("growth, MiB", 3)),
        told("passed", ("growth, MiB", 7)),
        told("failed"),
        told("skipped"),
    ]
