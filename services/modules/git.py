"""Fetching a module's definition from its repository, without trusting the repository.

Nothing is checked out and nothing of it runs: a shallow bare clone in a folder that does not stay,
of which the definition's files are read as objects, so a link in the tree leads nowhere, and never
beyond the size at which they are refused.
"""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from services.modules.addresses import Pin
from services.modules.clones import clone_folder
from services.modules.definition import DEFINITION_FILES
from services.modules.definition.nodes import FILE_BYTES_MAX
from services.modules.errors import RepositoryRefused
from services.modules.git_commands import SCHEMES, GitFailed, Limits, refused, run

URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://.*")
# user@host:path, which git reads as ssh; a path that holds a slash before its colon is a path.
SSH_SHORTHAND = re.compile(r"(?:[\w.-]+@[\w.-]+:(?!//)|[\w.-]+:(?!/|:))(?P<path>.+)")
# The "branch" of a repository that stands on none, as git itself calls it.
DETACHED = "HEAD"

CLONE = ("clone", "--quiet", "--bare", "--depth=1", "--no-local", "--no-tags")
# Without a template nothing of this machine, hooks least of all, gets into the clone.
CLONE_OPTIONS = ("--single-branch", "--template=", "--no-recurse-submodules")
PLAIN_FILES = ("100644", "100755")


@dataclass(frozen=True, slots=True)
class Fetched:
    """The definition's files as one commit has them."""

    commit: str
    branch: str
    files: dict[str, bytes]


def repository_url(text: str) -> str:
    """The address as it is stored and as every worker can use it: folders become file:// URLs."""
    if not text.strip() or any(ord(character) < ord(" ") for character in text):
        raise RepositoryRefused("the repository's address is empty or holds control characters")
    if URL.fullmatch(text):
        return _checked(text)
    if short := SSH_SHORTHAND.fullmatch(text):
        if "@" in short["path"].partition("/")[0]:
            raise _credentials_refused()
        return text
    if "::" in text:
        raise _scheme_refused(text.partition("::")[0])
    return folder_of(text).resolve().as_uri()


def folder_of(text: str) -> Path:
    """The folder that a person means, `~` being their home."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        raise RepositoryRefused(f"there is no home folder for {text!r}") from None


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        # Not repeated: whatever it holds, it may be a password.
        raise RepositoryRefused("that is no valid address") from None
    if parts.scheme not in SCHEMES:
        raise _scheme_refused(parts.scheme)
    if parts.password is not None or (parts.scheme == "https" and parts.username is not None):
        raise _credentials_refused()
    return url


def _credentials_refused() -> RepositoryRefused:
    """The address is shown to every user."""
    return RepositoryRefused("the repository's address must not hold credentials")


def _scheme_refused(scheme: str) -> RepositoryRefused:
    allowed = "https, ssh, file, or a folder"
    return RepositoryRefused(f"repositories are not fetched by {scheme!r}, only by {allowed}")


async def fetch(url: str, branch: str | None, limits: Limits, *, pin: Pin | None = None) -> Fetched:
    """The definition at the tip of this branch, or of the repository's own default branch."""
    # In a thread: git takes seconds, and GitPython waits for it.
    return await asyncio.to_thread(_fetch, url, branch, limits, pin)


def read_folder(folder: Path) -> dict[str, bytes]:
    """The definition's files in a folder that its author works in."""
    return {
        name: _start_of(folder / name) for name in DEFINITION_FILES if (folder / name).is_file()
    }


def _start_of(file: Path) -> bytes:
    # One byte more than is allowed shows the parser that there is too much.
    with file.open("rb") as stream:
        return stream.read(FILE_BYTES_MAX + 1)


def _fetch(url: str, branch: str | None, limits: Limits, pin: Pin | None) -> Fetched:
    options = ["--branch", branch] if branch not in (None, "", DETACHED) else []
    try:
        with clone_folder() as folder:
            run(folder, [*CLONE, *CLONE_OPTIONS, *options, "--", url, "."], limits, pin=pin)
            commit, found = _head(folder, limits)
            if commit is None:
                raise RepositoryRefused(f"{url} has no commits")
            return Fetched(commit, branch or found, _definition_files(folder, commit, limits))
    except GitFailed as failed:
        raise refused(url, failed) from None


def _head(folder: Path, limits: Limits) -> tuple[str | None, str]:
    """The commit, if there is one, and the branch that it stands on."""
    name = "%(if)%(HEAD)%(then)%(refname:short)%(end)"
    try:
        commit = run(folder, ["rev-parse", "--verify", "--quiet", "HEAD"], limits).decode().strip()
    except GitFailed:
        return None, DETACHED
    branches = run(folder, ["for-each-ref", f"--format={name}", "refs/heads"], limits)
    return commit, branches.decode().strip() or DETACHED


def _definition_files(folder: Path, commit: str, limits: Limits) -> dict[str, bytes]:
    """A link, a folder or a submodule of such a name is no definition."""
    listing = run(folder, ["ls-tree", "-l", "-z", commit, "--", *DEFINITION_FILES], limits)
    files = {}
    for entry in listing.decode().split("\0")[:-1]:
        about, _, name = entry.partition("\t")
        mode, _, blob, size = about.split()
        if mode in PLAIN_FILES:
            files[name] = _blob(folder, blob, int(size), limits)
    return files


def _blob(folder: Path, blob: str, size: int, limits: Limits) -> bytes:
    if size > FILE_BYTES_MAX:
        # Refused for its size alone, so its bytes are not asked for.
        return bytes(FILE_BYTES_MAX + 1)
    return run(folder, ["cat-file", "blob", blob], limits)
