"""What this process can be told: read from MLSPLOIT_USERS_*, and the platform's settings."""

from typing import Annotated

from pydantic import AfterValidator, PositiveInt
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings, platform

SECRET_CHARACTERS_MIN = 25


def _long_enough(secret: str) -> str:
    if len(secret) < SECRET_CHARACTERS_MIN:
        raise ValueError(
            f"must have at least {SECRET_CHARACTERS_MIN} characters; "
            "`make run` writes a fresh one into .env when there is none"
        )
    return secret


class UsersSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="MLSPLOIT_USERS_")

    # Everything this system signs is derived from it; all replicas of this service share it.
    api_secret_key: Annotated[str, AfterValidator(_long_enough)] = platform("api_secret_key", ...)
    token_days: PositiveInt = 30
