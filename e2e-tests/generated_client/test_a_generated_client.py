"""A client that a program wrote from the live document gets from sign-up to output files."""

import fcntl
import hashlib
import json
import os
import secrets
import subprocess
import sys
import venv
from pathlib import Path

import httpx
import pytest

from dev.environment import ROOT
from dev.stack import Stack

LOCK = ROOT / "requirements" / "client-generator.txt"
ROAD = Path(__file__).with_name("road.py")


@pytest.fixture(scope="session")
def generator() -> Path:
    """Programs of an environment of its own: what it needs fits no other lock. Made once."""
    digest = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]
    folder = Path(sys.prefix) / f"client-generator-{digest}"
    with (folder.with_suffix(".lock")).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ready").exists():
            venv.create(folder, with_pip=True, clear=True)
            pip = (folder / "bin" / "python", "-m", "pip", "install", "-qq", "--no-input")
            done = subprocess.run(
                [*pip, "--require-hashes", "-r", LOCK], capture_output=True, text=True, check=False
            )
            if done.returncode:
                pytest.skip(f"the generator cannot be installed: {done.stderr.strip()[-300:]}")
            (folder / "ready").touch()
    return folder / "bin"


@pytest.mark.timeout(600)
def test_a_generated_client_does_the_whole_road(
    generator: Path, system: Stack, tmp_path: Path
) -> None:
    document, settings = tmp_path / "openapi.json", tmp_path / "settings.yml"
    document.write_text(httpx.get(f"{system.url}/openapi.json").text)
    # As it was written: nothing tidies it up first.
    settings.write_text("post_hooks: []\n")
    client = tmp_path / "client"

    generated = said(
        *(generator / "openapi-python-client", "generate", "--meta", "none"),
        *("--path", document, "--config", settings, "--output-path", client),
    )
    account = (f"generated-{secrets.token_hex(6)}", secrets.token_urlsafe(16))
    outputs = said(generator / "python", ROAD, system.url, tmp_path, *account)

    assert "WARNING" not in generated, "a part of the document was left out"
    assert json.loads(outputs) == ["GOOD MORNING, ADA!\n"]


def said(*command: object) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
