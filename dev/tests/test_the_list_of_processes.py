"""The list of processes, and what each of them is told."""

from pathlib import Path

import pytest
import yaml

from dev.environment import ROOT
from dev.specs import load_specs
from dev.stack import Stack

# Named in containers for what they are there: an image of its own, and no examples to seed.
IN_CONTAINERS = {"traefik": "gateway", "seed": "setup"}


def test_containers_and_the_native_run_have_the_same_processes() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    native = {IN_CONTAINERS.get(spec.name, spec.name) for spec in load_specs()}

    assert native | {"postgres", "settings"} == set(compose["services"])


def test_a_list_that_waits_for_nobody_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "processes.toml"
    path.write_text('[[process]]\nname = "a"\ncommand = ["a"]\nready = "tcp"\nwaits_for = ["b"]\n')

    with pytest.raises(ValueError, match="a waits for b"):
        load_specs(path)


def test_a_secret_is_known_only_to_who_needs_it(tmp_path: Path) -> None:
    secrets = {"MLSPLOIT_API_SECRET_KEY": "k" * 40, "MLSPLOIT_RUNS_DATABASE_PASSWORD": "p"}
    stack = Stack(tmp_path, secrets | {"MLSPLOIT_WORKER_TOKEN": "t", "MLSPLOIT_LOG_LEVEL": "DEBUG"})
    told = {spec.name: stack.environment(spec) for spec in load_specs()}

    assert owners(told, "MLSPLOIT_API_SECRET_KEY") == {"users", "seed"}
    assert owners(told, "MLSPLOIT_FILES_LINK_KEY") == {"files"}
    assert owners(told, "MLSPLOIT_WORKER_TOKEN") == {"execution"}
    assert owners(told, "MLSPLOIT_RUNS_DATABASE_PASSWORD") == set()
    assert owners(told, "MLSPLOIT_LOG_LEVEL") == set(told)


def test_a_system_knows_only_the_settings_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLSPLOIT_API_ALLOWED_HOSTS", "somebody.else")

    assert "MLSPLOIT_API_ALLOWED_HOSTS" not in Stack(tmp_path).environment()


def owners(told: dict[str, dict[str, str]], variable: str) -> set[str]:
    return {name for name, environment in told.items() if variable in environment}
