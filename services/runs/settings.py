"""What this process can be told: read from MLSPLOIT_RUNS_*, and the platform's settings."""

from pydantic import PositiveFloat, PositiveInt
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class RunsSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="MLSPLOIT_RUNS_")

    # How long a backend may be silent before its job is given to another.
    lease_seconds: PositiveInt = 30
    # How long a backend counts as present after it said that it is there.
    backend_seconds: PositiveInt = 30
    # How often a job may be begun before it is given up.
    attempts_max: PositiveInt = 3
    # How often expired leases and forgotten jobs are looked for.
    sweep_seconds: PositiveFloat = 2.0
    # A ready job that nobody takes is announced again after this long, then after twice as long.
    announce_again_seconds: PositiveInt = 60
    # How long a backend may let a module work on one job.
    job_seconds_max: PositiveInt = 3600
    # All that the backends of one job may write to its log.
    log_bytes_max: PositiveInt = 64 * 1024 * 1024
