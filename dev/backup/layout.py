"""What a backup is on disk: a folder whose manifest names every file in it, with its digest.

Invariant: a folder with a manifest is whole, because the manifest is written last.
"""

import hashlib
import json
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from dev.preflight import StartupFault
from shared.clock import utc_now

FORMAT = 1
# In the order in which they are copied, and why, above.
SERVICES = ("runs", "pipelines", "modules", "files", "users")
# What else a data directory has that cannot be made again.
KEEPSAKES = ("seed.json", "admin-password", "modules.csv")


@dataclass(frozen=True)
class Backup:
    folder: Path

    @property
    def blobs(self) -> Path:
        return self.folder / "blobs"

    @property
    def nats(self) -> Path:
        return self.folder / "nats"

    @property
    def keepsakes(self) -> Path:
        return self.folder / "keepsakes"

    def database(self, service: str, ending: str) -> Path:
        return self.folder / "databases" / f"{service}.{ending}"

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.json"

    def write_manifest(self, digests: Mapping[str, str], **about: Any) -> None:
        made_at = utc_now().isoformat()
        content = {"format": FORMAT, "made_at": made_at, **about, "sha256": dict(digests)}
        self.manifest.write_text(json.dumps(content, indent=1) + "\n")

    def digests(self) -> dict[str, str]:
        return {str(path.relative_to(self.folder)): digest(path) for path in self._files()}

    def check(self) -> None:
        """A copy that is not what it was is found out before anything is restored from it."""
        try:
            manifest = json.loads(self.manifest.read_text())
        except FileNotFoundError:
            raise StartupFault(f"{self.folder} is no backup, or one that broke off.") from None
        if manifest["format"] != FORMAT:
            raise StartupFault(f"{self.folder} was made by another release, in a form of its own.")
        known, found = manifest["sha256"], self.digests()
        wrong = sorted(name for name in known if found.get(name) != known[name])
        if wrong:
            raise StartupFault(f"{self.folder} is damaged: {', '.join(wrong[:5])}.")

    def _files(self) -> Iterator[Path]:
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and path != self.manifest:
                yield path


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unpack(source: IO[bytes], folder: Path) -> None:
    with tarfile.open(fileobj=source, mode="r|") as tar:
        tar.extractall(folder, filter="data")


def pack(folder: Path, out: IO[bytes]) -> None:
    with tarfile.open(fileobj=out, mode="w|") as tar:
        for path in sorted(folder.iterdir()):
            tar.add(path, path.name)
