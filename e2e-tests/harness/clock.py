"""A wall clock for the processes of one system, which a test sets while they run.

libfaketime would be the library for this, but its 0.9.10, told to leave the steady clock alone,
makes Python's `time.sleep` fail.
"""

import shutil
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

SOURCE = Path(__file__).with_name("clock.c")


class WallClock:
    def __init__(self, folder: Path) -> None:
        """Skips the test, in words, where nothing can be preloaded into a process."""
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip("a clock that can be set is made with a C compiler, and there is none")
        self._offset = folder / "offset"
        self._library = folder / "clock.so"
        self.set_by(0)
        command = [compiler, "-O1", "-shared", "-fPIC", "-o", str(self._library), str(SOURCE)]
        subprocess.run([*command, "-ldl"], check=True)

    @property
    def environment(self) -> Mapping[str, str]:
        """What makes a process go by this clock."""
        return {
            "LD_PRELOAD": str(self._library),
            "WALL_CLOCK_OFFSET_FILE": str(self._offset),
        }

    def set_by(self, seconds: int) -> None:
        """So far from the true time, from now on, for all."""
        # In place: processes have the file mapped.
        with self._offset.open("r+b" if self._offset.exists() else "wb") as file:
            file.write(struct.pack("@l", seconds))
