"""What this process can be told: read from MLSPLOIT_MODULES_*, and the platform's settings."""

from pathlib import Path

from pydantic import PositiveFloat, PositiveInt
from pydantic_settings import SettingsConfigDict

from services.modules.git_commands import Limits
from shared.settings import ServiceSettings


class ModulesSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="MLSPLOIT_MODULES_")

    # Modules to register at start, when the file is there: name,url,branch.
    csv_file: Path = Path("modules.csv")
    # Whether a request may register what lies in a private network; the command line always may.
    private_addresses_allowed: bool = False
    fetch_seconds_max: PositiveFloat = 60.0
    fetch_bytes_max: PositiveInt = 512 * 1024 * 1024

    @property
    def limits(self) -> Limits:
        """What a repository may cost before it is refused."""
        return Limits(self.fetch_seconds_max, self.fetch_bytes_max)
