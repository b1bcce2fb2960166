"""One git command for the worker, of which nothing outlives it, and that trusts no repository.

Nobody is asked and nobody's settings count; only https, ssh and the operator's own folders are
reached, a server that sends elsewhere is not followed, and no submodule is looked at. A file larger
than allowed ends the command: all of a fetch arrives in one pack.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from execution.failures import JobFailed
from execution.processes import run_to_end
from execution.runners import Emit

ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "true",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
    "GIT_ALLOW_PROTOCOL": "https:ssh:file",
}
SETTINGS = (
    "http.followRedirects=false",
    # All in one pack, so that its limit is the limit of the whole.
    "fetch.unpackLimit=1",
    "transfer.unpackLimit=1",
    "fetch.recurseSubmodules=false",
    "submodule.recurse=false",
    "pack.threads=1",
)
# Whoever runs the module may read it, whatever the worker's own files look like. The memory has a
# limit because a small pack may stand for objects of any size.
LIMITED = ("sh", "-c", 'umask 022; ulimit -v "$0"; ulimit -f "$1" && shift && exec git "$@"')
MEMORY_BYTES_MAX = 4 * 1024**3
KIBIBYTE = 1024
BLOCK_BYTES = 512
TOO_LARGE = b"File too large"
OUT_OF_MEMORY = b"out of memory"
REASON_CHARACTERS_MAX = 2000
CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


async def git(folder: Path, arguments: Sequence[str], bytes_max: int) -> None:
    """JobFailed repeats what git said; a cancellation ends git and all that it started."""
    said = bytearray()
    code = await run_git(folder, arguments, bytes_max, said.extend)
    if TOO_LARGE in said:
        raise JobFailed(f"the repository is larger than {bytes_max} bytes")
    if OUT_OF_MEMORY in said.lower():
        raise JobFailed("the repository takes too much memory to read")
    if code != 0:
        raise failure(arguments[0], code, said)


async def run_git(folder: Path, arguments: Sequence[str], bytes_max: int, emit: Emit) -> int:
    settings = [option for setting in SETTINGS for option in ("-c", setting)]
    bounds = str(MEMORY_BYTES_MAX // KIBIBYTE), str(bytes_max // BLOCK_BYTES)
    return await run_to_end(
        [*LIMITED, *bounds, *settings, *arguments],
        folder=folder,
        environment={**_surroundings(), **ENVIRONMENT},
        emit=emit,
    )


def failure(step: str, code: int, said: bytes | bytearray) -> JobFailed:
    text = CREDENTIALS.sub("", said.decode(errors="replace").strip())
    return JobFailed(f"git {step} ended with {code}: {text[-REASON_CHARACTERS_MAX:]}")


def _surroundings() -> dict[str, str]:
    """Where the network is and whose keys are used, but none of the worker's secrets."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MLSPLOIT_")}
