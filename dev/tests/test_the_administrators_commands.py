"""`manage.py` knows every command of every service, and loads only the service it needs."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

import manage
from deploy import audit
from deploy.dead_letters import COMMANDS, commands_of
from deploy.doctor.surroundings import PROCESSES
from dev.environment import ROOT


@pytest.mark.parametrize("service", manage.COMMANDS)
def test_every_command_of_a_service_is_listed(service: str) -> None:
    app = importlib.import_module(f"services.{service}.cli").app

    assert set(typer.main.get_group(app).commands) == set(manage.COMMANDS[service])


def test_every_service_has_the_commands_about_dead_letters_and_deeds() -> None:
    for service in manage.SERVICES:
        letters = typer.main.get_group(commands_of(service))
        deeds = typer.main.get_group(audit.commands_of(service))
        assert set(letters.commands) == set(COMMANDS)
        assert set(letters.commands) | set(deeds.commands) == set(manage.OF_EVERY_SERVICE)


def test_what_a_command_changes_is_in_the_audit_log_without_its_password(tmp_path: Path) -> None:
    environ = os.environ | {
        "MLSPLOIT_DATA_DIR": str(tmp_path),
        "MLSPLOIT_API_SECRET_KEY": "x" * 40,
    }
    created = ["createuser", "-u", "ada", "-p", "hush hush 1"]
    changed = ["changepassword", "ada", "--password=hush hush 2"]
    assert ask(*created, environ=environ).returncode == 0
    # The note is no part of what a command answers.
    assert ask(*changed, environ=environ).stdout.count("\n") == 1
    assert ask("listusers", environ=environ).returncode == 0

    lines = ask("auditlog", "users", environ=environ).stdout.splitlines()

    assert [line.split("\t")[1] for line in lines] == ["users", "users"]
    assert [line.split("\t")[3:5] for line in lines] == [
        ["createuser", "-u ada -p ***"],
        ["changepassword", "ada --password=***"],
    ]
    assert all(line.split("\t")[2].startswith("command line (") for line in lines)


def test_help_lists_every_command_with_its_service() -> None:
    said = ask("help").stdout

    sections = manage.COMMANDS | {"the system": manage.OF_THE_SYSTEM}
    for service, commands in sections.items():
        section = said.split(f"\n{service}\n")[1]
        assert all(f"  {command} " in section for command in commands)


def test_an_unknown_command_is_one_sentence() -> None:
    done = ask("frobnicate")

    assert done.returncode == 2
    assert done.stderr == "Unknown command 'frobnicate': `manage.py help` lists them all.\n"


def test_a_command_refuses_a_setting_that_is_none() -> None:
    environ = os.environ | {"MLSPLOIT_LOG_LEVL": "DEBUG"}
    done = ask("listusers", environ=environ)

    assert done.returncode == 1
    assert done.stderr.startswith("MLSPLOIT_LOG_LEVL: is no setting; MLSPLOIT_LOG_LEVEL is")
    assert ask("help", environ=environ).returncode == 0


def test_a_command_loads_no_other_service() -> None:
    program = (
        "import sys, manage; manage.run(['listusers', '--help']);"
        "sys.exit(any(name.startswith('services.') and not name.startswith('services.users')"
        " for name in sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True)

    assert done.returncode == 0, done.stderr


def ask(*arguments: str, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("service", "command"),
    [(service, name) for service, names in manage.COMMANDS.items() for name in names],
)
def test_in_containers_a_command_goes_to_the_service_that_owns_it(
    service: str, command: str, tmp_path: Path
) -> None:
    asked = in_containers(tmp_path, command, "a b")

    assert asked == f"compose run --rm --no-TTY {service} {command} a b\n"


def test_in_containers_dead_letters_are_asked_of_one_service(tmp_path: Path) -> None:
    assert in_containers(tmp_path, "deadletters", "runs", "--help") == (
        "compose run --rm --no-TTY runs deadletters --help\n"
    )


def test_in_containers_the_doctor_looks_from_every_one_and_starts_none(tmp_path: Path) -> None:
    asked = in_containers(tmp_path, "doctor").splitlines()

    names = [line.removeprefix("== ") for line in asked[::2]]
    assert sorted(names) == sorted(PROCESSES)
    assert asked[1::2] == [f"compose run --rm --no-deps --no-TTY {name} doctor" for name in names]


def in_containers(folder: Path, *arguments: str) -> str:
    """What Docker is told to do."""
    docker = folder / "docker"
    docker.write_text('#!/bin/sh\necho "$@"\n')
    docker.chmod(0o755)
    environ = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"}
    script = [str(ROOT / "docker-manage-api.sh"), *arguments]
    done = subprocess.run(script, env=environ, capture_output=True, text=True, check=True)
    return done.stdout
