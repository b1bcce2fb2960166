"""One git command, that trusts no repository: what it may reach, and what it may take.

Only https, ssh and the operator's own folders are reached, a server that sends elsewhere is not
followed, and nobody's settings count. Time, memory, and the size of what is fetched are bounded.
"""

import os
import shlex
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from git import Git

from services.modules.addresses import Pin
from services.modules.errors import RepositoryRefused

SCHEMES = ("https", "ssh", "file")
SSH = "ssh -o BatchMode=yes -o ConnectTimeout=20 -o ServerAliveInterval=20"
ENVIRONMENT = {
    "GIT_ALLOW_PROTOCOL": ":".join(SCHEMES),
    "GIT_ASKPASS": "true",
    "GIT_CONFIG_COUNT": "0",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_PARAMETERS": "",
    "GIT_SSH_COMMAND": SSH,
    "GIT_TERMINAL_PROMPT": "0",
}
SETTINGS = (
    "http.followRedirects=false",
    # A server that falls silent is left, even by a git whose service was killed.
    "http.lowSpeedLimit=1",
    "http.lowSpeedTime=60",
    "pack.threads=1",
)
# The largest file, which is the one pack that a clone arrives in; and the memory, because a small
# pack may stand for objects of any size.
LIMITED = ("sh", "-c", 'ulimit -v "$0"; ulimit -f "$1" && shift && exec "$@"')
BLOCK_BYTES = 512
KIBIBYTE = 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a clone may take, how large it may become, and in how much memory."""

    seconds_max: float
    bytes_max: int
    memory_bytes_max: int = 4 * KIBIBYTE**3


class GitFailed(Exception):
    """The text is what git said, in one line."""


def run(folder: Path, arguments: Sequence[str], limits: Limits, *, pin: Pin | None = None) -> bytes:
    """What git writes; GitFailed says why it did not. None of it outlives the limit of time."""
    settings, environment = pinned(pin)
    bounds = str(limits.memory_bytes_max // KIBIBYTE), str(limits.bytes_max // BLOCK_BYTES)
    command = [*LIMITED, *bounds, "git", *settings, *arguments]
    started = Git(folder).execute(command, as_process=True, env=environment, start_new_session=True)
    running: subprocess.Popen[bytes] | None = started.proc
    assert running is not None  # GitPython drops it only after the process was waited for.
    try:
        written, said = running.communicate(timeout=limits.seconds_max)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        raise GitFailed(f"it took more than {limits.seconds_max:g} seconds") from None
    if running.returncode != 0:
        raise GitFailed(_reason(said.decode(errors="replace"), running.returncode, limits))
    return written


def pinned(pin: Pin | None) -> tuple[list[str], dict[str, str]]:
    """git's settings and environment: with a pin it reaches that address and no other."""
    settings = [option for setting in SETTINGS for option in ("-c", setting)]
    if pin is None:
        return settings, ENVIRONMENT
    # The key of the machine is known under its name.
    ssh = f"{SSH} -o HostName={pin.address} -o HostKeyAlias={shlex.quote(pin.host)}"
    environment = ENVIRONMENT | {"GIT_ALLOW_PROTOCOL": pin.scheme, "GIT_SSH_COMMAND": ssh}
    resolve = f"http.curloptResolve={pin.host}:{pin.port}:{pin.address}"
    return [*settings, "-c", resolve], environment


def _reason(said: str, code: int, limits: Limits) -> str:
    if "out of memory" in said.lower():
        return "it takes too much memory to read"
    if "index-pack" in said or "File too large" in said:
        return f"it is larger than {limits.bytes_max // 2**20} MiB, or damaged"
    if "requested URL returned error: 30" in said:
        return "the server sends elsewhere, and is not followed: register the new address"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    told = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines[-1:]
    text = " ".join(told) or f"git ended with {code}"
    return "".join(character for character in text if character.isprintable())


def refused(url: str, failed: GitFailed) -> RepositoryRefused:
    return RepositoryRefused(f"cannot fetch {url}: {failed}")
