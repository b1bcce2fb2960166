"""Each thing that can be wrong before the start is one sentence that says what to do."""

import os
import socket
import sqlite3
import stat
from pathlib import Path

import pytest

from dev import preflight
from dev.environment import data_dir_of, ensure_dotenv, read_settings
from dev.ports import free_ports
from dev.preflight import StartupFault
from dev.stack import Stack


def test_a_busy_gateway_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        with pytest.raises(StartupFault, match=f"Port {port} .* is in use.*MLSPLOIT_GATEWAY_PORT"):
            preflight.gateway_port({"MLSPLOIT_GATEWAY_PORT": str(port)})


@pytest.mark.parametrize("value", ["http", "-1", "65536", "80.0", "²"])
def test_a_port_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(StartupFault, match="which is no port"):
        preflight.gateway_port({"MLSPLOIT_GATEWAY_PORT": value})


def test_a_port_just_left_by_another_system_is_free_at_once() -> None:
    port = next(free_ports())
    with socket.create_server(("127.0.0.1", port)) as server:
        client = socket.create_connection(("127.0.0.1", port))
        accepted, _ = server.accept()
        accepted.close()  # The server's side closes first, so it lingers in TIME_WAIT.
        client.close()

    assert preflight.gateway_port({"MLSPLOIT_GATEWAY_PORT": str(port)}) == port


def test_two_systems_never_share_a_data_directory(tmp_path: Path) -> None:
    taken = f"process {os.getpid()}.*MLSPLOIT_DATA_DIR"

    with preflight.lock_data_dir(tmp_path), pytest.raises(StartupFault, match=taken):
        preflight.lock_data_dir(tmp_path)


def test_the_name_of_a_process_that_is_gone_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("4194304\n")

    with preflight.lock_data_dir(tmp_path):
        assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StartupFault, match=r"Cannot write to .*/file/data"):
        preflight.lock_data_dir(tmp_path / "file" / "data")


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "runs.sqlite3").write_text("this is not a database, but long enough" * 9)

    with pytest.raises(StartupFault, match=r"runs\.sqlite3 is broken \(file is not a database\)"):
        preflight.check_databases(tmp_path, ["users", "runs"])


def test_a_database_cut_short_is_named(tmp_path: Path) -> None:
    path = a_database(tmp_path, "files")
    path.write_bytes(path.read_bytes()[:-5000])

    with pytest.raises(StartupFault, match=r"files\.sqlite3 is broken"):
        preflight.check_databases(tmp_path, ["files"])


def test_a_sound_database_passes(tmp_path: Path) -> None:
    a_database(tmp_path, "users")

    preflight.check_databases(tmp_path, ["users", "files"])


def test_a_missing_tool_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(StartupFault, match="git is missing: install it"):
        preflight.find_tool("git")


def test_env_is_made_once_with_secrets_that_only_the_owner_can_read(tmp_path: Path) -> None:
    (tmp_path / ".env.example").write_text("# A\nMLSPLOIT_API_SECRET_KEY=\nMLSPLOIT_A=b\n")

    assert ensure_dotenv(tmp_path)
    first = read_settings(tmp_path, {})
    assert not ensure_dotenv(tmp_path)

    assert len(first["MLSPLOIT_API_SECRET_KEY"]) >= 25
    assert first["MLSPLOIT_A"] == "b"
    assert read_settings(tmp_path, {}) == first
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_the_environment_wins_over_env(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MLSPLOIT_MODULES=*\nOTHER=1\nMLSPLOIT_LOG_LEVEL=INFO\n")

    settings = read_settings(tmp_path, {"MLSPLOIT_MODULES": "", "HOME": "/"})

    assert settings == {"MLSPLOIT_MODULES": "", "MLSPLOIT_LOG_LEVEL": "INFO"}


def test_a_relative_data_directory_is_meant_from_the_repository(tmp_path: Path) -> None:
    assert data_dir_of({"MLSPLOIT_DATA_DIR": "elsewhere"}, tmp_path) == tmp_path / "elsewhere"
    assert data_dir_of({}, tmp_path) == tmp_path / "data"


def a_database(data_dir: Path, name: str) -> Path:
    path = data_dir / name / f"{name}.sqlite3"
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, text TEXT)")
        connection.executemany("INSERT INTO things (text) VALUES (?)", [("x" * 900,)] * 50)
    connection.close()
    return path


def test_a_misspelt_setting_is_refused_with_the_right_one() -> None:
    with pytest.raises(preflight.StartupFault) as fault:
        preflight.check_names(["MLSPLOIT_API_ALLOWED_HOST", "MLSPLOIT_LOG_LEVEL"])

    assert str(fault.value).startswith("MLSPLOIT_API_ALLOWED_HOST: is no setting; MLSPLOIT_API_ALL")
    assert "LOG_LEVEL" not in str(fault.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MLSPLOIT_TRUSTED_PROXIES", "10.0.0.0/33"),
        ("MLSPLOIT_OTLP_SAMPLED_RATIO", "half"),
        ("MLSPLOIT_GATEWAY_REQUEST_SECONDS_MAX", "1h"),
        ("MLSPLOIT_GATEWAY_REQUEST_SECONDS_MAX", "0"),
    ],
)
def test_what_the_gateway_is_told_is_judged_before_it_starts(
    name: str, value: str, tmp_path: Path
) -> None:
    stack = Stack(tmp_path, {name: value})

    with pytest.raises(preflight.StartupFault, match=f"^{name}.*{value}"):
        stack.prepare()
    stack.stop()


def test_every_setting_that_a_system_is_given_is_known() -> None:
    preflight.check_names(
        [
            "MLSPLOIT_USERS_DATABASE_URL",
            "MLSPLOIT_RUNS_URL",
            "MLSPLOIT_NATS_URL",
            "MLSPLOIT_MODULES",
        ]
    )
