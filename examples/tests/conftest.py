"""One runner per example module, and the environment that the digits module needs.

That environment is kept between sessions, under a name that says what is in it; everything else is
temporary.
"""

import hashlib
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import pytest

from examples.tests.jobs import MODULES, RunJob, runner

INSTALL_SECONDS_MAX = 300


@pytest.fixture(scope="session")
def digits_python() -> Path:
    """The interpreter of an environment with exactly the requirements of the digits module."""
    requirements = MODULES / "digits" / "requirements.txt"
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"mlsploit-digits-{os.getuid()}-{digest}"
    python = folder / "bin" / "python"
    # The mark comes last: an environment without it was interrupted, and is made again.
    if not (folder / "complete").exists():
        venv.create(folder, with_pip=True, clear=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "-r", str(requirements)]
        subprocess.run(install, check=True, timeout=INSTALL_SECONDS_MAX)
        (folder / "complete").touch()
    return python


@pytest.fixture
def run_digits(tmp_path: Path, digits_python: Path) -> RunJob:
    return runner(tmp_path, "digits", digits_python)


@pytest.fixture
def run_hello(tmp_path: Path) -> RunJob:
    return runner(tmp_path, "helloworld", Path(sys.executable))


@pytest.fixture
def run_hello_schema(tmp_path: Path) -> RunJob:
    return runner(tmp_path, "helloworld-schema", Path(sys.executable))
