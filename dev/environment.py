"""The settings a system runs with: `.env`, and the environment, which wins.

Invariant: a secret that this code makes is random, is written once, and only its owner can read it.
"""

import json
import os
import re
import secrets
import subprocess
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "MLSPLOIT_"

# A shell script, because a host that runs containers may have no Python.
MAKE_DOTENV = ROOT / "deploy" / "secrets.sh"


def fresh_secret() -> str:
    return secrets.token_urlsafe(40)


def write_private(path: Path, text: str) -> None:
    """Write a file that nobody else may read, whole or not at all."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    unfinished.replace(path)


def ensure_dotenv(root: Path = ROOT) -> bool:
    """Make `.env` from `.env.example` when there is none; says whether it did."""
    if (root / ".env").exists():
        return False
    subprocess.run(["sh", str(MAKE_DOTENV)], cwd=root, check=True, capture_output=True)
    return True


def read_settings(root: Path = ROOT, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Every MLSPLOIT_* setting of `.env` and of the environment."""
    from_file = {key: value or "" for key, value in dotenv_values(root / ".env").items()}
    return {k: v for k, v in (from_file | dict(environ)).items() if k.startswith(PREFIX)}


def data_dir_of(settings: Mapping[str, str], root: Path = ROOT) -> Path:
    """The data directory; a relative one is meant from the repository, wherever one stands."""
    return (root / (settings.get("MLSPLOIT_DATA_DIR") or "data")).resolve()


def nats_url_of(settings: Mapping[str, str]) -> str:
    """Where the NATS of the data directory's system listens; its port was picked at the start."""
    file = data_dir_of(settings) / "nats" / "nats.conf"
    found = re.search(r"^port: (\d+)$", file.read_text(), re.MULTILINE) if file.exists() else None
    return f"nats://127.0.0.1:{found[1] if found else 4222}"


def running_system_of(settings: Mapping[str, str]) -> dict[str, str]:
    """Where the data directory's system is, if it runs, and the token of its worker."""
    state = data_dir_of(settings) / "stack.json"
    addresses = json.loads(state.read_text()).get("addresses", {}) if state.exists() else {}
    folder = Path(settings.get("MLSPLOIT_WORKER_DIR") or data_dir_of(settings) / "execution")
    if (folder / "token").exists():
        addresses["MLSPLOIT_WORKER_TOKEN"] = (folder / "token").read_text().strip()
    return addresses


def without_settings(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment less every MLSPLOIT_* setting: what a process gets besides its own."""
    return {key: value for key, value in environ.items() if not key.startswith(PREFIX)}
