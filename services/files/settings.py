"""What this process can be told: read from MLSPLOIT_FILES_*, and the platform's settings."""

import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, PositiveInt, SecretStr, model_validator
from pydantic_settings import SettingsConfigDict

from shared.events.streams import EVENTS_AGE_SECONDS_MAX
from shared.settings import HttpUrl, ServiceSettings

KEY_CHARACTERS_MIN = 25
# An event that is delivered again must still be known, however late: none is older than its stream
# lets it be. Whoever keeps events for longer sets more.
EVENTS_DAYS_MAX = EVENTS_AGE_SECONDS_MAX // (24 * 3600)


def _long_enough(key: str) -> str:
    if len(key) < KEY_CHARACTERS_MIN:
        raise ValueError(
            f"must have at least {KEY_CHARACTERS_MIN} characters; "
            "`make run` writes a fresh one into .env when there is none"
        )
    return key


def _a_bucket(url: str) -> str:
    if url and not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[\w!.*'()/-]*)?", url):
        raise ValueError("must be s3://BUCKET or s3://BUCKET/PREFIX")
    return url


class FilesSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="MLSPLOIT_FILES_")

    # Signs the links under /media/; all replicas of this service share it.
    link_key: Annotated[str, AfterValidator(_long_enough)]
    # A link is good for at least this long, and at most twice as long.
    link_days: PositiveInt = 7
    storage_dir: Path | None = None
    # s3://BUCKET/PREFIX: blobs are in a bucket, not in a directory.
    storage_url: Annotated[str, AfterValidator(_a_bucket)] = ""
    s3_endpoint_url: HttpUrl = ""
    s3_region: Annotated[
        str, Field(pattern=r"^[\w-]+$", description="must be a region's name, such as us-east-1")
    ] = "us-east-1"
    # Without them, where the AWS tools look: the environment, ~/.aws, the machine's own role.
    s3_access_key_id: str = ""
    s3_secret_access_key: SecretStr = SecretStr("")
    upload_bytes_max: PositiveInt = 2 * 1024**3
    # All files of one user together, outputs of their jobs included.
    user_bytes_max: PositiveInt = 100 * 1024**3
    # Younger than this, a run that holds a file may still be on its way into its own database.
    hold_unconfirmed_seconds: PositiveInt = 60
    # A job's upload that no report has named for so long belongs to an attempt that was lost.
    output_unclaimed_seconds: PositiveInt = 24 * 3600
    # How long it is remembered which events were handled: two for every run.
    inbox_days: Annotated[int, Field(gt=EVENTS_DAYS_MAX)] = EVENTS_DAYS_MAX + 15

    @model_validator(mode="after")
    def _one_place_and_whole_credentials(self) -> Self:
        if self.storage_url and self.storage_dir:
            raise ValueError(
                "MLSPLOIT_FILES_STORAGE_URL and MLSPLOIT_FILES_STORAGE_DIR name two places for "
                "files; take one away"
            )
        if bool(self.s3_access_key_id) != bool(self.s3_secret_access_key.get_secret_value()):
            raise ValueError(
                "MLSPLOIT_FILES_S3_ACCESS_KEY_ID and MLSPLOIT_FILES_S3_SECRET_ACCESS_KEY belong "
                "together; set both or neither"
            )
        return self

    def storage(self) -> Path:
        return self.storage_dir or self.data_dir / "files" / "blobs"
