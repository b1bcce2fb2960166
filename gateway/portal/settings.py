"""What the portal must know: where the five services are, which every process knows alike."""

from pydantic_settings import SettingsConfigDict

from shared.settings import ServiceSettings


class PortalSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="MLSPLOIT_PORTAL_")

    @property
    def services(self) -> dict[str, str]:
        """Inner addresses by service name, in the order people think of them."""
        return {
            "users": self.users_url,
            "files": self.files_url,
            "modules": self.modules_url,
            "pipelines": self.pipelines_url,
            "runs": self.runs_url,
        }
