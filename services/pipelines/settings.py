"""What this process can be told: read from MLSPLOIT_PIPELINES_*, and the platform's settings."""

from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class PipelinesSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="MLSPLOIT_PIPELINES_")
