"""The administrators' commands: what they print, how they end, and what stays behind."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from services.modules.cli import app

Commit = Callable[..., str]
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("MLSPLOIT_DATA_DIR", str(tmp_path / "data"))

    def run_command(*arguments: str | Path) -> Result:
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    return run_command


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[str], int]:
    def count(table: str) -> int:
        with sqlite3.connect(tmp_path / "data" / "modules" / "modules.sqlite3") as connection:
            [[rows]] = connection.execute(f"SELECT count(*) FROM {table}")  # noqa: S608
        connection.close()
        return int(rows)

    return count


def test_a_module_is_created_updated_listed_and_removed(
    run: Run, repository: Path, commit: Commit, definition: str, stored: Callable[[str], int]
) -> None:
    first = commit()

    created = run("createmodule", "edge", repository, "-b", "main")
    assert (created.exit_code, created.output) == (
        0,
        f"Module edge registered at commit {first}.\n",
    )
    second = commit(definition.replace("A module", "Another"))
    assert run("updatemodule", "edge").output == f"Module edge is at commit {second}.\n"
    listed = run("listmodules").output
    assert listed == f"edge\t{second[:12]}\tmain\t{repository.as_uri()}\n"
    assert run("removemodule", "edge").output == "Module edge removed.\n"
    assert (run("listmodules").output, stored("functions"), stored("outbox")) == ("", 0, 3)


def test_a_refusal_prints_every_fault_with_its_place_and_leaves_nothing_behind(
    run: Run, repository: Path, commit: Commit, definition: str, stored: Callable[[str], int]
) -> None:
    commit(definition.replace("type: int", "type: integer").replace("tagline: A module\n", ""))

    refused = run("createmodule", "edge", repository)

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert refused.stderr.splitlines() == [
        "mlsploit_module.yaml:1:1: tagline: is required: a text",
        "mlsploit_module.yaml:8:11: functions[0].options[0].type: "
        'expected one of str, int, float, bool, enum, found "integer"',
    ]
    assert [stored(table) for table in ("modules", "functions", "outbox")] == [0, 0, 0]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("createmodule", "a b", "x"), "'a b' cannot name a module"),
        (("createmodule", "edge", "ext::sh"), "not fetched by 'ext'"),
        (("createmodule", "edge", "http://example.org/x"), "not fetched by 'http'"),
        (("createmodule", "edge", "nowhere"), "cannot fetch file://"),
        (("updatemodule", "edge"), "no module is named 'edge'"),
        (("removemodule", "edge"), "no module is named 'edge'"),
        (("checkmodule", "nowhere"), "cannot fetch file://"),
    ],
)
def test_a_wish_that_cannot_be_met_is_refused_in_one_line(
    run: Run, arguments: tuple[str, ...], sentence: str
) -> None:
    refused = run(*arguments)

    assert refused.exit_code == 1
    [line] = refused.stderr.splitlines()
    assert sentence in line


def test_a_folder_is_checked_as_its_author_has_it_without_a_commit(
    run: Run, repository: Path, commit: Commit, definition: str, tmp_path: Path
) -> None:
    commit()
    (repository / "mlsploit_module.yaml").write_text(definition.replace("true", "maybe"))

    checked = run("checkmodule", repository)
    committed = run("checkmodule", repository, "-b", "main")

    assert checked.exit_code == 1
    assert [line.split()[0] for line in checked.stderr.splitlines()] == [
        "mlsploit_module.yaml:11:15:",
        "mlsploit_module.yaml:13:22:",
    ]
    assert committed.output == "Edge: the definition is valid. Functions: Fn\n"
    assert not (tmp_path / "data").exists()


def test_a_folder_without_a_definition_is_told_what_it_needs(run: Run, tmp_path: Path) -> None:
    refused = run("checkmodule", tmp_path)

    assert refused.exit_code == 1
    assert "input.schema and output.schema" in refused.stderr
