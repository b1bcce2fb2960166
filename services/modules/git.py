"""Fetching a module's definition from its repository, without trusting the repository.

Nothing is checked out and nothing of it runs: a shallow bare clone in a temporary folder, of which
the definition's files are read as objects, so a link in the tree leads nowhere. Time and size are
bounded, only https, ssh and the operator's own folders are reached, and nobody's settings count.
"""

import asyncio
import os
import re
import shlex
import signal
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast
from urllib.parse import urlsplit

from git import Blob, Git, GitCommandError, Repo

from services.modules.addresses import Pin
from services.modules.definition import DEFINITION_FILES
from services.modules.definition.nodes import FILE_BYTES_MAX
from services.modules.errors import RepositoryRefused

SCHEMES = ("https", "ssh", "file")
URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://.*")
# user@host:path, which git reads as ssh; a path that holds a slash before its colon is a path.
SSH_SHORTHAND = re.compile(r"[\w.-]+@[\w.-]+:(?!//).+|[\w.-]+:(?!/|:).+")
BLOCK_BYTES = 512
# The "branch" of a repository that stands on none, as git itself calls it.
DETACHED = "HEAD"

ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": ":".join(SCHEMES),
    "GIT_ASKPASS": "true",
    "GIT_CONFIG_COUNT": "0",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_PARAMETERS": "",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
    "GIT_TERMINAL_PROMPT": "0",
}
# A file larger than this ends the clone: all of a shallow clone arrives in one pack file.
LIMITED = ("sh", "-c", 'ulimit -f "$0" && exec "$@"')
CLONE = ("clone", "--quiet", "--bare", "--depth=1", "--no-local", "--no-tags")
# Without a template nothing of this machine, hooks least of all, gets into the clone.
CLONE_OPTIONS = ("--single-branch", "--template=")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a clone may take and how large it may become."""

    seconds_max: float
    bytes_max: int


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
    if SSH_SHORTHAND.fullmatch(text):
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
        raise RepositoryRefused(f"{url!r} is no valid address") from None
    if parts.scheme not in SCHEMES:
        raise _scheme_refused(parts.scheme)
    if parts.password is not None or (parts.scheme == "https" and parts.username is not None):
        # The address is shown to every user.
        raise RepositoryRefused("the repository's address must not hold credentials")
    return url


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
    with TemporaryDirectory(prefix="mlsploit-module-") as folder:
        _clone(url, branch, folder, limits, pin)
        with Repo(folder) as repository:
            repository.git.update_environment(**ENVIRONMENT)
            if not repository.head.is_valid():
                raise RepositoryRefused(f"{url} has no commits")
            head = repository.head
            found = branch or (DETACHED if head.is_detached else head.reference.name)
            return Fetched(head.commit.hexsha, found, _definition_files(repository))


def _clone(url: str, branch: str | None, folder: str, limits: Limits, pin: Pin | None) -> None:
    blocks = str(limits.bytes_max // BLOCK_BYTES)
    options = ["--branch", branch] if branch not in (None, "", DETACHED) else []
    git_pinned, environment = _pinned(pin)
    command = [*LIMITED, blocks, *git_pinned, *CLONE, *CLONE_OPTIONS, *options, "--", url, folder]
    git = Git(folder)
    try:
        git.execute(command, env=environment, kill_after_timeout=limits.seconds_max)
    except GitCommandError as error:
        raise RepositoryRefused(f"cannot fetch {url}: {_reason(error, limits)}") from None


def _pinned(pin: Pin | None) -> tuple[list[str], dict[str, str]]:
    """git itself and its environment: with a pin it reaches that address and follows nobody."""
    if pin is None:
        return ["git"], ENVIRONMENT
    # The key of the machine is known under its name.
    ssh = f"-o HostName={pin.address} -o HostKeyAlias={shlex.quote(pin.host)}"
    environment = ENVIRONMENT | {
        "GIT_ALLOW_PROTOCOL": pin.scheme,
        "GIT_SSH_COMMAND": f"{ENVIRONMENT['GIT_SSH_COMMAND']} {ssh}",
    }
    resolve = f"http.curloptResolve={pin.host}:{pin.port}:{pin.address}"
    return ["git", "-c", "http.followRedirects=false", "-c", resolve], environment


def _reason(error: GitCommandError, limits: Limits) -> str:
    said = str(error.stderr).strip().removeprefix("stderr: ").strip("'")
    # GitPython says so itself, unless git is gone before its watchdog has noted the kill.
    if error.status == -signal.SIGKILL or "Timeout: the command" in said:
        return f"it took more than {limits.seconds_max:g} seconds"
    if "index-pack" in said:
        return f"it is larger than {limits.bytes_max // 2**20} MiB, or damaged"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines[-1:]
    text = " ".join(told) or f"git ended with {error.status}"
    return "".join(character for character in text if character.isprintable())


def _definition_files(repository: Repo) -> dict[str, bytes]:
    tree = repository.head.commit.tree
    blobs = [cast(Blob, tree[name]) for name in DEFINITION_FILES if name in tree]
    # A link, a folder or a submodule of that name is no definition.
    return {
        blob.name: blob.data_stream.read(FILE_BYTES_MAX + 1)
        for blob in blobs
        if blob.mode in (Blob.file_mode, Blob.executable_mode)
    }
