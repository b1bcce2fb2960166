"""Contents of files out and in, by the files service's own commands: it knows where they are."""

import os
import subprocess
import sys
import threading
from collections.abc import Mapping

from dev.backup.layout import Backup, pack, unpack
from dev.environment import ROOT
from dev.preflight import StartupFault


def copy_blobs(settings: Mapping[str, str], backup: Backup) -> None:
    """Those that the backup has not got yet."""
    backup.blobs.mkdir(exist_ok=True)
    present = "\n".join(path.name for path in backup.blobs.iterdir())
    with _command("exportblobs", settings) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(present.encode())
        process.stdin.close()
        unpack(process.stdout, backup.blobs)
    _expect_success("exportblobs", process)


def restore_blobs(settings: Mapping[str, str], backup: Backup) -> None:
    with _command("importblobs", settings) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        said: list[bytes] = []
        reading = threading.Thread(target=lambda: said.append(process.stdout.read()))  # type: ignore[union-attr]  # a pipe
        reading.start()
        pack(backup.blobs, process.stdin)
        process.stdin.close()
        reading.join()
    _expect_success("importblobs", process, said[0].decode())


def expect_whole(named: Mapping[str, str], digests: Mapping[str, str]) -> None:
    """Every content that the database's copy names is in the backup, and is what its file says."""
    wrong = [key for key, sha256 in named.items() if digests.get(f"blobs/{key}") != sha256]
    if wrong:
        raise StartupFault(
            f"{len(wrong)} contents are missing or damaged, such as {wrong[0]}: files were "
            "deleted at this very moment; make another backup. If it is the same again, "
            "`manage.py checkblobs` says more."
        )


def _command(name: str, settings: Mapping[str, str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "manage.py", name],
        cwd=ROOT,
        env=os.environ | dict(settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def _expect_success(name: str, process: "subprocess.Popen[bytes]", said: str = "") -> None:
    if process.returncode:
        raise StartupFault(f"{name} has failed. {said.strip()}")
