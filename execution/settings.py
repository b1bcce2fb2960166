"""The worker's settings; every limit on what one job may take is here."""

import os
import socket
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    model_validator,
)
from pydantic_settings import SettingsConfigDict

from execution.contents import ContentLimits
from shared.settings import HttpUrl, PlatformSettings, platform

MEBIBYTE = 1024 * 1024


class WorkerSettings(PlatformSettings):
    """Read from MLSPLOIT_WORKER_*; platform values (MLSPLOIT_NATS_URL, ...) are inherited."""

    model_config = SettingsConfigDict(
        env_prefix="MLSPLOIT_WORKER_", populate_by_name=True, extra="ignore"
    )

    gateway_url: HttpUrl = platform("gateway_url", "http://127.0.0.1:8000")
    # Which modules' jobs this worker takes: `*`, a comma list, or nothing at all.
    modules: str = platform("modules", "*")

    token: SecretStr
    name: str = Field(default_factory=lambda: f"{socket.gethostname()}-{os.getpid()}")
    dir: Path | None = None
    # The same folder as the Docker engine sees it, when the worker itself is in a container.
    host_dir: Path | None = None
    # Other workers have the same folder: each takes a place in it.
    dir_shared: bool = False
    runner: Literal["process", "docker"] = "process"
    jobs: PositiveInt = 2
    drain_seconds: NonNegativeFloat = 5.0

    job_seconds_max: PositiveInt = 3600
    checkout_seconds_max: PositiveInt = 300
    checkout_bytes_max: PositiveInt = 1024 * MEBIBYTE
    checkout_files_max: PositiveInt = 100_000
    # Of checkouts, environments and images each: so many versions of modules, used last.
    versions_kept_max: PositiveInt = 20
    environment_seconds_max: PositiveInt = 1800
    output_bytes_max: PositiveInt = 1024 * MEBIBYTE
    output_files_max: PositiveInt = 1000
    log_bytes_max: PositiveInt = 16 * MEBIBYTE
    # Beyond what the log keeps a module may go on printing, but not for ever.
    printed_bytes_max: PositiveInt = 1024 * MEBIBYTE
    # What must stay free on the worker's disk while modules run.
    disk_free_bytes_min: NonNegativeInt = 256 * MEBIBYTE

    docker_memory_bytes_max: PositiveInt = 2048 * MEBIBYTE
    docker_cpus_max: PositiveFloat = 1.0
    docker_processes_max: PositiveInt = 256
    docker_tmp_bytes_max: PositiveInt = 256 * MEBIBYTE
    docker_build_memory_bytes_max: PositiveInt = 4096 * MEBIBYTE
    docker_image_bytes_max: PositiveInt = 16 * 1024 * MEBIBYTE
    # Which modules get what they ask for (runners/needs.py): none, a comma list, or `*`.
    docker_network_modules: str = ""
    docker_gpu_modules: str = ""
    docker_root_modules: str = ""
    # The engine's network of those that are granted one.
    docker_network: Annotated[
        str, Field(pattern=r"^[a-zA-Z0-9][\w.-]*$", description="must be the name of a network")
    ] = "bridge"

    @model_validator(mode="after")
    def _a_token_is_needed(self) -> Self:
        if not self.token.get_secret_value().strip():
            raise ValueError("MLSPLOIT_WORKER_TOKEN is empty; make one with createworkertoken")
        return self

    @property
    def folder(self) -> Path:
        return (self.dir or self.data_dir / "execution").resolve()

    @property
    def checkout_limits(self) -> ContentLimits:
        return ContentLimits(
            self.checkout_seconds_max, self.checkout_bytes_max, self.checkout_files_max
        )

    @property
    def serves_all_modules(self) -> bool:
        return self.modules.strip() == "*"

    @property
    def named_modules(self) -> frozenset[str]:
        """The modules named one by one; empty when all, or none, are served."""
        return frozenset() if self.serves_all_modules else _names(self.modules)

    def grants(self, what: str, module: str) -> bool:
        """Whether `what`_modules names this module."""
        names: frozenset[str] = _names(getattr(self, f"{what}_modules"))
        return bool(names & {module, "*"})


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())
