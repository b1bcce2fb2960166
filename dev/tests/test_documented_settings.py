"""Every setting of every process stands in `.env.example`, and nothing stands there in vain."""

import importlib
from collections.abc import Iterator

import pytest
import yaml
from pydantic import AliasChoices
from pydantic_settings import BaseSettings

from dev.environment import ROOT
from shared.known_settings import DOCUMENTED, INNER
from shared.settings import ServiceSettings, unknown_names

MODULES = (
    *(f"services.{name}.settings" for name in ("users", "files", "modules", "pipelines", "runs")),
    "gateway.portal.settings",
    "execution.settings",
)
# Documented once, for runs.
OF_EVERY_SERVICE = {
    f"MLSPLOIT_RUNS_{field}".upper()
    for field, info in ServiceSettings.model_fields.items()
    if info.validation_alias is None
}
# Read by what starts the processes, not by the processes.
OF_THE_SYSTEM = {
    "MLSPLOIT_GATEWAY_PORT",
    "MLSPLOIT_GATEWAY_REQUEST_SECONDS_MAX",
    "MLSPLOIT_TRUSTED_PROXIES",
    "MLSPLOIT_SUPERUSER_PASSWORD",
    "MLSPLOIT_GATEWAY_HTTP_PORT",
    "MLSPLOIT_GATEWAY_SSL_PORT",
    "MLSPLOIT_HOSTING_ACME_EMAIL",
    "MLSPLOIT_HOSTING_ACME_SERVER",
    "MLSPLOIT_HOSTING_SSL_DIR",
    "MLSPLOIT_IMAGE_TAG",
    "MLSPLOIT_POSTGRES_PASSWORD",
    *(
        f"MLSPLOIT_{name}_DATABASE_PASSWORD"
        for name in ("USERS", "FILES", "MODULES", "PIPELINES", "RUNS")
    ),
    *(
        f"MLSPLOIT_NATS_{name}_PASSWORD"
        for name in (
            *("USERS", "FILES", "MODULES", "PIPELINES", "RUNS"),
            *("PORTAL", "EXECUTION", "OPERATOR"),
        )
    ),
}


# Where a container keeps things is the compose file's to say.
FIXED_IN_CONTAINERS = {
    "MLSPLOIT_DATA_DIR",
    "MLSPLOIT_FILES_STORAGE_DIR",
    "MLSPLOIT_MODULES_CSV_FILE",
    "MLSPLOIT_WORKER_DIR",
    "MLSPLOIT_WORKER_HOST_DIR",
}


@pytest.mark.parametrize("module", MODULES)
def test_every_setting_of_a_process_is_documented(module: str) -> None:
    known = {name for name in settings_of(module) if not INNER.fullmatch(name)}

    assert known - documented() == set()


@pytest.mark.parametrize("module", MODULES)
def test_every_setting_of_a_process_reaches_its_container(module: str) -> None:
    name = module.split(".")[-2]
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    known = settings_of(module) - FIXED_IN_CONTAINERS
    if name in ("portal", "execution"):
        known -= OF_EVERY_SERVICE  # They have no database, and nobody sends them much.
    elif name != "runs":
        known -= OF_EVERY_SERVICE
        known |= {s.replace("_RUNS_", f"_{name.upper()}_") for s in OF_EVERY_SERVICE}

    assert known - compose["services"][name]["environment"].keys() == set()


def test_nothing_is_documented_that_nobody_reads() -> None:
    known = {name for module in MODULES for name in settings_of(module)}

    assert documented() - known - OF_THE_SYSTEM == set()


def test_no_process_is_told_a_name_that_it_would_refuse() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"].values()
    told = {name for each in compose for name in each.get("environment", {})}

    assert "MLSPLOIT_USERS_PEER_TIMEOUT_SECONDS" in told
    assert unknown_names(told) == []


def documented() -> set[str]:
    return set(DOCUMENTED.findall((ROOT / ".env.example").read_text()))


def settings_of(module: str) -> set[str]:
    """The environment variables that a process reads."""
    return {name for found in _classes(module) for name in _variables(found)}


def _classes(module: str) -> Iterator[type[BaseSettings]]:
    loaded = importlib.import_module(module)
    for value in vars(loaded).values():
        is_settings = isinstance(value, type) and issubclass(value, BaseSettings)
        if is_settings and value.__module__ == module:
            yield value


def _variables(settings: type[BaseSettings]) -> Iterator[str]:
    own_prefix = settings.model_config.get("env_prefix") or "MLSPLOIT_"
    for field, info in settings.model_fields.items():
        # What all services have is documented once, with runs as the example.
        prefix = "MLSPLOIT_RUNS_" if field in ServiceSettings.model_fields else own_prefix
        match info.validation_alias:
            case AliasChoices(choices=[_, str(alias)]) | str(alias):
                yield alias
            case _:
                yield f"{prefix}{field}".upper()
