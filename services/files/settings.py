"""What this process can be told: read from MLSPLOIT_FILES_*, and the platform's settings."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, PositiveInt
from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings

KEY_CHARACTERS_MIN = 25


def _long_enough(key: str) -> str:
    if len(key) < KEY_CHARACTERS_MIN:
        raise ValueError(
            f"must have at least {KEY_CHARACTERS_MIN} characters; "
            "`make run` writes a fresh one into .env when there is none"
        )
    return key


class FilesSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="MLSPLOIT_FILES_")

    # Signs the links under /media/; all replicas of this service share it.
    link_key: Annotated[str, AfterValidator(_long_enough)]
    # A link is good for at least this long, and at most twice as long.
    link_days: PositiveInt = 7
    storage_dir: Path | None = None
    upload_bytes_max: PositiveInt = 2 * 1024**3
    # Younger than this, a run that holds a file may still be on its way into its own database.
    hold_unconfirmed_seconds: PositiveInt = 60
    # A job's upload that no report has named for so long belongs to an attempt that was lost.
    output_unclaimed_seconds: PositiveInt = 24 * 3600

    def storage(self) -> Path:
        return self.storage_dir or self.data_dir / "files" / "blobs"
