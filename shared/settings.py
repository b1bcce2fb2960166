"""Settings every process reads from the environment; a service adds its own in its settings.py.

Platform values have fixed names (`MLSPLOIT_NATS_URL`); a service's own carry its prefix
(`MLSPLOIT_RUNS_LEASE_SECONDS`). A wrong value ends the process with a sentence, not a traceback.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Self

import pydantic
from pydantic import Field
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared import known_settings


def _pattern(pattern: str, wanted: str) -> Any:
    """What is wrong is told by what is wanted, and not repeated: it may hold a password."""
    return Field(pattern=pattern, description=wanted)


# As Django has them: a dot in front means the name and all below it.
HOST = r"(\*|\[[\da-f:.]+\]|\.?\w[\w-]*(\.\w[\w-]*)*)"
LEVELS = "must be DEBUG, INFO, WARNING or ERROR"
NATS = "must be nats://HOST:PORT or tls://HOST:PORT; with commas, those of a cluster"
SQL = "must begin with postgresql+asyncpg:// or sqlite+aiosqlite://"
HOSTS = "must be names without scheme, port or path: api.example.org, .example.org or * for any"
LogLevel = Annotated[str, _pattern("(?i)^(debug|info|warning|error)$", LEVELS)]
HttpUrl = Annotated[
    str, _pattern(r"^(https?://[^/\s]\S*)?$", "must begin with http:// or https://")
]
NatsUrls = Annotated[str, _pattern(r"^((nats|tls)://[^/,\s]+,?)*$", NATS)]
DatabaseUrl = Annotated[str, _pattern(r"^((postgresql\+asyncpg|sqlite\+aiosqlite)://.+)?$", SQL)]
HostNames = Annotated[str, _pattern(rf"(?i)^[ ,]*{HOST}([ ,]+{HOST})*[ ,]*$", HOSTS)]


def platform(name: str, default: Any) -> Any:
    """A setting that means the same in every process: by keyword here, `MLSPLOIT_X` outside."""
    return Field(default, validation_alias=pydantic.AliasChoices(name, f"MLSPLOIT_{name.upper()}"))


class PlatformSettings(BaseSettings):
    """What any process of the system may need, services or not."""

    model_config = SettingsConfigDict(populate_by_name=True, extra="ignore", allow_inf_nan=False)

    data_dir: Path = platform("data_dir", Path("data"))
    log_level: LogLevel = platform("log_level", "INFO")
    # Of a cluster, any of its servers, with commas.
    nats_url: NatsUrls = platform("nats_url", "nats://127.0.0.1:4222")
    # How many servers of a cluster keep each stream; an odd number.
    nats_replicas: Annotated[int, Field(ge=1, le=5)] = platform("nats_replicas", 1)
    # Where traces are collected, by OTLP over HTTP; without it none are made.
    otlp_endpoint: HttpUrl = platform("otlp_endpoint", "")
    otlp_sampled_ratio: Annotated[float, Field(ge=0, le=1)] = platform("otlp_sampled_ratio", 1.0)

    @classmethod
    def load(cls) -> Self:
        """Read the environment; an unknown name, a missing or wrong value is a line each."""
        faults = unknown_names(os.environ)
        try:
            settings = cls()
        except pydantic.ValidationError as error:
            faults += _sentences(cls, error)
        if faults:
            raise SystemExit("\n".join(faults))
        return settings


class ServiceSettings(PlatformSettings):
    """What every service shares: where its peers, its database and its clients are."""

    users_url: HttpUrl = platform("users_url", "http://users:8000")
    files_url: HttpUrl = platform("files_url", "http://files:8000")
    modules_url: HttpUrl = platform("modules_url", "http://modules:8000")
    pipelines_url: HttpUrl = platform("pipelines_url", "http://pipelines:8000")
    runs_url: HttpUrl = platform("runs_url", "http://runs:8000")
    api_allowed_hosts: HostNames = platform("api_allowed_hosts", "*")
    api_debug_mode: bool = platform("api_debug_mode", False)
    hosting_ssl_enabled: bool = platform("hosting_ssl_enabled", False)

    database_url: DatabaseUrl = ""
    body_bytes_max: pydantic.PositiveInt = 8 * 1024 * 1024
    body_idle_seconds: pydantic.PositiveFloat = 60.0
    peer_timeout_seconds: pydantic.PositiveFloat = 5.0
    # Of one process; those beyond are told to come again.
    requests_at_work_max: pydantic.PositiveInt = 128

    def database(self, name: str) -> str:
        """The configured database, or one SQLite file below the data directory."""
        if self.database_url:
            return self.database_url
        folder = self.data_dir / name
        folder.mkdir(parents=True, exist_ok=True)
        return f"sqlite+aiosqlite:///{folder.resolve()}/{name}.sqlite3"


def unknown_names(given: Iterable[str]) -> list[str]:
    """A sentence for each MLSPLOIT_* name that is no setting of any process."""
    fields = ServiceSettings.model_fields.items()
    own = [name.upper() for name, info in fields if info.validation_alias is None]
    return list(known_settings.unknown_names(given, own))


def _sentences(cls: type[PlatformSettings], error: pydantic.ValidationError) -> Iterator[str]:
    for fault in error.errors():
        said = fault["msg"].removeprefix("Value error, ")
        if not fault["loc"]:
            yield said
            continue
        name, info = _setting(cls, str(fault["loc"][0]))
        is_pattern = fault["type"] == "string_pattern_mismatch"
        yield f"{name}: {info.description if is_pattern else said}"


def _setting(cls: type[PlatformSettings], named: str) -> tuple[str, FieldInfo]:
    """The variable's name and its field, by either of the two names that pydantic may tell."""
    field = named.removeprefix(known_settings.PREFIX).lower()
    info = cls.model_fields[field]
    prefix = cls.model_config.get("env_prefix", "") if info.validation_alias is None else ""
    return f"{prefix or known_settings.PREFIX}{field.upper()}", info
