"""Settings every process reads from the environment; a service adds its own in its settings.py.

Platform values have fixed names (`MLSPLOIT_NATS_URL`); a service's own carry its prefix
(`MLSPLOIT_RUNS_LEASE_SECONDS`). A wrong value ends the process with a sentence, not a traceback.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Self

import pydantic
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

LogLevel = Annotated[str, Field(pattern="(?i)^(debug|info|warning|error)$")]
# What is wrong is not repeated by these: it may hold a password.
HttpUrl = Annotated[str, Field(pattern=r"^(https?://[^/].*)?$")]
NatsUrls = Annotated[str, Field(pattern=r"^((nats|tls)://[^/,]+,?)*$")]
DatabaseUrl = Annotated[str, Field(pattern=r"^((postgresql\+asyncpg|sqlite\+aiosqlite)://.+)?$")]
# Names without scheme, port or path, or * for any.
HostNames = Annotated[str, Field(pattern=r"^([ ,]*(\*|\[[\da-f:]+\]|[\w.-]+)[ ,]*)+$")]


def platform(name: str, default: Any) -> Any:
    """A setting that means the same in every process: by keyword here, `MLSPLOIT_X` outside."""
    return Field(default, validation_alias=pydantic.AliasChoices(name, f"MLSPLOIT_{name.upper()}"))


class PlatformSettings(BaseSettings):
    """What any process of the system may need, services or not."""

    model_config = SettingsConfigDict(populate_by_name=True, extra="ignore")

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
        """Read the environment; a missing or wrong value exits with one line per fault."""
        try:
            return cls()
        except pydantic.ValidationError as error:
            raise SystemExit("\n".join(_sentences(cls, error))) from None


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


def _sentences(cls: type[PlatformSettings], error: pydantic.ValidationError) -> Iterator[str]:
    for fault in error.errors():
        if not fault["loc"]:
            yield fault["msg"].removeprefix("Value error, ")
            continue
        field = str(fault["loc"][0])
        name = field if field.startswith("MLSPLOIT_") else _variable(cls, field)
        yield f"{name}: {fault['msg'].removeprefix('Value error, ')}"


def _variable(cls: type[PlatformSettings], field: str) -> str:
    info = cls.model_fields.get(field)
    if info is not None and info.validation_alias is not None:
        return f"MLSPLOIT_{field.upper()}"
    return f"{cls.model_config.get('env_prefix', '')}{field.upper()}"
