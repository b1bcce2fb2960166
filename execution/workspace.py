"""One folder per job: what the module reads, what it writes, and nothing of anybody else's.

A workspace is removed however its job ends; what a killed worker left is removed at the next start.
"""

import hashlib
import json
import os
import shutil
import stat
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from execution.claims import Claim, InputFile
from execution.failures import JobFailed

HASH_CHUNK_BYTES = 1024 * 1024
BLOCK_BYTES = 512
# A file's last block, and what the file system keeps about it.
UNSAID_BYTES_MAX = 1024 * 1024
DOCUMENT_BYTES_MAX = 16 * 1024 * 1024
INPUT_DOCUMENT = "input.json"


@dataclass(frozen=True)
class Workspace:
    """`root` holds input/ and output/, which the module sees; the rest serves the runner."""

    root: Path

    @property
    def input(self) -> Path:
        return self.root / "input"

    @property
    def output(self) -> Path:
        return self.root / "output"

    @property
    def module(self) -> Path:
        return self.root / "module"

    @property
    def scratch(self) -> Path:
        return self.root / "scratch"

    def make(self) -> None:
        for folder in (self.input, self.output, self.scratch):
            folder.mkdir(parents=True)

    def write_input_document(self, claim: Claim) -> None:
        document = {
            "name": claim.function,
            "num_files": len(claim.files),
            "files": [file.name for file in claim.files],
            "options": claim.options,
            "tags": [file.tags for file in claim.files],
        }
        (self.input / INPUT_DOCUMENT).write_text(json.dumps(document))

    async def store_input(self, file: InputFile, chunks: AsyncIterator[bytes]) -> bool:
        """Whether the file arrived as it was uploaded."""
        digest, size = hashlib.sha256(), 0
        with (self.input / file.name).open("wb") as target:
            async for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                target.write(chunk)
        return (size, digest.hexdigest()) == (file.size, file.sha256)

    def read_output_text(self) -> str:
        path = self.output / "output.json"
        if not is_plain_file(self.output, "output.json"):
            raise JobFailed("output.json is missing")
        if path.stat().st_size > DOCUMENT_BYTES_MAX:
            raise JobFailed(f"output.json is larger than {DOCUMENT_BYTES_MAX} bytes")
        try:
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise JobFailed(f"output.json is not UTF-8: {error}") from None

    def is_unchanged(self, file: InputFile) -> bool:
        """Whether what the module left under an input's name is still that input."""
        for folder in (self.output, self.input):
            if is_plain_file(folder, file.name):
                return file.sha256 == _sha256(folder / file.name)
        return True

    def refuse_too_much_output(self, bytes_max: int, files_max: int) -> None:
        if self.output.is_symlink():
            raise JobFailed("the module replaced its folder output/")
        try:
            self._refuse_too_much_output(bytes_max, files_max)
        except RecursionError:
            raise JobFailed("the module nested its folders too deeply") from None

    def _refuse_too_much_output(self, bytes_max: int, files_max: int) -> None:
        size = files = 0
        for folder, folders, names in os.walk(self.output):
            files += len(folders) + len(names)
            if files > files_max:
                raise JobFailed(f"the module wrote more than {files_max} files and folders")
            for name in names:
                # A running module may remove a file while we look at it.
                with suppress(FileNotFoundError):
                    size += _size(os.lstat(os.path.join(folder, name)))
                if size > bytes_max:
                    raise JobFailed(f"the module wrote more than {bytes_max} bytes")

    def remove(self) -> None:
        remove_tree(self.root)


def refuse_bad_inputs(files: list[InputFile]) -> None:
    """Names become paths, and one of them is the worker's own."""
    seen = {INPUT_DOCUMENT}
    for file in files:
        if file.name in ("", ".", "..") or "/" in file.name or "\0" in file.name:
            raise JobFailed(f"the input name {file.name!r} cannot be a file name")
        if file.name == INPUT_DOCUMENT:
            raise JobFailed(f"an input file cannot be named {INPUT_DOCUMENT}: modules read it")
        if file.name in seen:
            raise JobFailed(f"two input files are named {file.name}")
        seen.add(file.name)


def is_plain_file(folder: Path, name: str) -> bool:
    """A regular file below `folder`, reached through no symbolic link."""
    path = folder
    for part in Path(name).parts:
        path = path / part
        try:
            mode = os.lstat(path).st_mode
        except (OSError, ValueError):
            return False
        if stat.S_ISLNK(mode):
            return False
    return stat.S_ISREG(mode)


def remove_tree(root: Path) -> None:
    """Also what a module made unreadable, or nested deeper than Python can follow."""
    with suppress(OSError, RecursionError):
        shutil.rmtree(root)
    if os.path.lexists(root):
        for command in (["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
            subprocess.run([*command, "--", str(root)], check=False, stderr=subprocess.DEVNULL)  # noqa: S603


def _size(found: os.stat_result) -> int:
    """What a file says of itself, or what it was given on the disk without saying so."""
    taken = found.st_blocks * BLOCK_BYTES
    return taken if taken > found.st_size + UNSAID_BYTES_MAX else found.st_size


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as source:
        while chunk := source.read(HASH_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
