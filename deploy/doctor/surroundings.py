"""Where the doctor stands, and where everything else is, as the environment says."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import httpx

SERVICES = ("users", "files", "modules", "pipelines", "runs")
APPS = (*SERVICES, "portal")
PROCESSES = (*APPS, "execution")
ANSWER_SECONDS_MAX = 5.0


@dataclass(frozen=True)
class Surroundings:
    """`image` is the service whose container this is; without one it is the native run."""

    environ: Mapping[str, str]
    image: str | None = None

    @classmethod
    def of(cls, environ: Mapping[str, str], image: str | None = None) -> Self:
        return cls({name: value for name, value in environ.items() if value}, image)

    @property
    def is_running(self) -> bool:
        """Natively the addresses are known only while a system runs."""
        return self.image is not None or "MLSPLOIT_USERS_URL" in self.environ

    @property
    def gateway(self) -> str:
        default = "http://gateway:8000" if self.image else "http://127.0.0.1:8000"
        return self.environ.get("MLSPLOIT_GATEWAY_URL", default)

    @property
    def data_dir(self) -> Path:
        return Path(self.environ.get("MLSPLOIT_DATA_DIR", "data"))

    def address(self, app: str) -> str:
        return self.environ.get(f"MLSPLOIT_{app.upper()}_URL", f"http://{app}:8000")

    def log_of(self, process: str) -> str:
        """Where a person looks for what a process said."""
        if self.image:
            return f"`docker compose logs {process}`"
        return str(self.data_dir / "logs" / f"{process}.log")


def ask(url: str, headers: Mapping[str, str] | None = None) -> httpx.Response | str:
    """The answer, or why there is none."""
    try:
        # A proxy of the machine's environment must not see internal calls.
        return httpx.get(url, headers=headers, timeout=ANSWER_SECONDS_MAX, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return f"{url} does not answer ({error or type(error).__name__})"
