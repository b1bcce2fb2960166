"""A doctor's lines about settings, secrets, databases and what a machine must have."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

import manage
from deploy.doctor import configuration, examination, machine
from deploy.doctor.migrations import check_database
from deploy.doctor.surroundings import Surroundings
from deploy.doctor.verdicts import Grade, Verdict
from dev.environment import fresh_secret
from dev.ports import free_ports

TOKEN = "a worker's"


def expect(verdict: Verdict, grade: Grade, said: str, remedy: str = "") -> None:
    assert verdict.grade is grade, verdict
    assert said in str(verdict)
    assert remedy in verdict.remedy


def test_settings_that_a_process_would_refuse_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLSPLOIT_RUNS_LEASE_SECONDS", "soon")
    monkeypatch.setenv("MLSPLOIT_API_SECRET_KEY", "short")

    expect(configuration.check_settings("runs"), Grade.FAULT, "LEASE_SECONDS: Input", ".env")
    expect(configuration.check_settings("users"), Grade.FAULT, "at least 25 characters", ".env")
    expect(configuration.check_settings("pipelines"), Grade.OK, "valid")


def test_a_setting_that_is_none_is_named_with_the_one_that_was_meant() -> None:
    there = Surroundings.of({"MLSPLOIT_WORKER_RUNER": "docker", "PATH": "/bin"})

    verdict = configuration.check_names(there)

    expect(verdict, Grade.FAULT, "MLSPLOIT_WORKER_RUNNER is", "take the line out")


@pytest.mark.parametrize("guessable", ["please-change-this-secret-key!", "a" * 40, "abcabc" * 9])
@pytest.mark.parametrize("setting", ["API_SECRET_KEY={}", "NATS_URL=nats://users:{}@nats:4222"])
def test_a_secret_that_is_well_known_is_at_fault_and_not_repeated(
    guessable: str, setting: str
) -> None:
    name, _, value = f"MLSPLOIT_{setting.format(guessable)}".partition("=")

    [verdict] = configuration.check_secrets(Surroundings.of({name: value}))

    expect(verdict, Grade.FAULT, name, "deploy/secrets.sh --one")
    assert guessable not in str(verdict)


def test_fresh_secrets_are_well_and_one_for_two_purposes_is_not() -> None:
    secret = fresh_secret()
    apart = {"MLSPLOIT_API_SECRET_KEY": fresh_secret(), "MLSPLOIT_FILES_LINK_KEY": secret}

    [verdict] = configuration.check_secrets(Surroundings.of(apart))
    expect(verdict, Grade.OK, "2 seen")

    [verdict] = configuration.check_secrets(
        Surroundings.of(apart | {"MLSPLOIT_API_SECRET_KEY": secret})
    )
    expect(verdict, Grade.WARNING, "is the same as MLSPLOIT_API_SECRET_KEY", "kept apart")


@pytest.mark.parametrize(
    ("revision", "said", "remedy"),
    [
        ("0001", "at revision 0001, not", "Restart runs"),
        ("9999", "which is not known here", "newer version"),
        ("", "at revision None", "Restart runs"),
    ],
)
def test_a_database_at_another_revision_is_told(
    revision: str, said: str, remedy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLSPLOIT_DATA_DIR", str(tmp_path))
    (tmp_path / "runs").mkdir()
    connection = sqlite3.connect(tmp_path / "runs" / "runs.sqlite3")
    connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    connection.executemany("INSERT INTO alembic_version VALUES (?)", [(revision,)] * bool(revision))
    connection.commit()
    connection.close()

    expect(check_database("runs"), Grade.FAULT, said, remedy)
    expect(check_database("pipelines"), Grade.FAULT, "there is no", "Start the system")


def test_a_database_server_that_is_away_is_told_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = f"postgresql+asyncpg://runs:hush-hush@127.0.0.1:{next(free_ports())}/runs"
    monkeypatch.setenv("MLSPLOIT_RUNS_DATABASE_URL", url)

    verdict = check_database("runs")

    expect(verdict, Grade.FAULT, "database of runs", "MLSPLOIT_RUNS_DATABASE_URL")
    assert "hush" not in str(verdict)


@pytest.fixture
def set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def put(**settings: str) -> None:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)

    put(MLSPLOIT_DATA_DIR=str(tmp_path), MLSPLOIT_WORKER_TOKEN=TOKEN)
    put(MLSPLOIT_FILES_LINK_KEY=fresh_secret())
    return put


def test_storage_that_cannot_be_written_is_at_fault(
    tmp_path: Path, set_up: Callable[..., None]
) -> None:
    expect(machine.check_storage(), Grade.OK, "MiB free")

    (tmp_path / "file").touch()
    set_up(MLSPLOIT_FILES_STORAGE_DIR=str(tmp_path / "file" / "blobs"))
    expect(machine.check_storage(), Grade.FAULT, "Not a directory", "writable")


def test_a_worker_with_too_little_room_is_at_fault(set_up: Callable[..., None]) -> None:
    set_up(MLSPLOIT_WORKER_DISK_FREE_BYTES_MIN=str(2**60))

    expect(machine.check_worker_folder(), Grade.FAULT, "MiB free", "Make room")


def test_the_engine_is_asked_only_by_a_runner_that_needs_it(set_up: Callable[..., None]) -> None:
    set_up(DOCKER_HOST=f"tcp://127.0.0.1:{next(free_ports())}")
    expect(machine.check_docker(), Grade.OK, "not needed")

    set_up(MLSPLOIT_WORKER_RUNNER="docker")
    expect(machine.check_docker(), Grade.FAULT, "docker", "Start the engine")


def test_a_machine_without_git_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    expect(machine.check_git(), Grade.FAULT, "git: is missing", "Install it")


def test_without_a_system_that_is_one_line_and_the_exit_code(
    tmp_path: Path, set_up: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    set_up(MLSPLOIT_API_SECRET_KEY=fresh_secret())

    assert manage.run(["doctor"]) == 1

    said = capsys.readouterr().out
    assert f"fault    system: none runs on {tmp_path}\n         -> Start it with `make run`" in said
    assert "ok       settings of execution: valid" in said
    assert "readyz" not in said


def test_a_check_that_breaks_keeps_no_other_from_its_turn(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, set_up: Callable[..., None]
) -> None:
    # As something would that nobody has thought of.
    monkeypatch.setattr(shutil, "which", lambda _: 1 / 0)

    code = examination.examine(Surroundings.of({}, "modules"))

    said = capsys.readouterr().out
    assert code == 1
    assert "check_git: could not be carried out (ZeroDivisionError" in said
    assert "seen from the container of modules; `./docker-manage-api.sh doctor`" in said
