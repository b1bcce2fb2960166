"""A disk that is soon full: a small file system of its own, where the machine lets us have one."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def small_disk(folder: Path, *, size_bytes: int) -> Iterator[Path]:
    """Empty at first; skips the test, in words, without the right to mount one."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)  # noqa: S603
    except FileNotFoundError:
        pytest.skip("there is no mount command to make a small disk with")
    if done.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        # Lazily: what is open there is closed in a moment.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S603, S607


def fill(folder: Path) -> Path:
    """Not a byte more goes in; unlink what this answers, and it does again."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as file:
        piece = b"x" * 4096
        try:
            while True:
                file.write(piece)
        except OSError:
            return filler
