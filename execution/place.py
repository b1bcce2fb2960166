"""Where one worker has its jobs: a folder of its own, because two in one would remove each other's.

Containers of one host are given the same folder. There the first worker has it, the next one has
`worker-2` in it, and so on: whoever starts takes the first that is free, and with it what a worker
that was killed there has left behind.
"""

import fcntl
import socket
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

from execution.settings import WorkerSettings

# Says who is there; the health check of a container looks for its own name (deploy/healthy.sh).
LOCK = "lock"


@contextmanager
def place_for(settings: WorkerSettings) -> Iterator[WorkerSettings]:
    """The settings of a worker that is alone in its folder, as long as it lives."""
    for number in count(1) if settings.dir_shared else (1,):
        mine = _numbered(settings, number)
        mine.folder.mkdir(parents=True, exist_ok=True)
        # What modules leave there may be anything, even programs that belong to root.
        mine.folder.chmod(stat.S_IRWXU)
        with (mine.folder / LOCK).open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            lock.truncate(0)
            lock.write(socket.gethostname())
            lock.flush()
            yield mine
            return
    sys.exit(
        f"another worker is running in {settings.folder}; set MLSPLOIT_WORKER_DIR for this one"
    )


def _numbered(settings: WorkerSettings, number: int) -> WorkerSettings:
    if number == 1:
        return settings
    below = f"worker-{number}"
    changed = {
        "dir": settings.folder / below,
        "host_dir": settings.host_dir and settings.host_dir / below,
        # A name that was set is the same for all of them.
        "name": f"{settings.name}-{number}",
    }
    return settings.model_copy(update=changed)
