"""One container from creation to removal, in one thread; `stop` comes from another.

What the module prints is read from before its start to its end, whatever becomes of the job: the
engine does not end a container whose output nobody takes.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any, cast

from docker.errors import APIError, DockerException
from docker.models.containers import Container
from docker.utils.socket import frames_iter

from execution.failures import JobFailed
from execution.runners import Emit

BOTH_STREAMS = {"stdout": 1, "stderr": 1, "stream": 1}


class RunningContainer:
    """`create` makes it, `at_the_end` gets it between its end and its removal."""

    def __init__(
        self,
        create: Callable[[], Container],
        at_the_end: Callable[[Container], None],
        emit: Emit,
    ) -> None:
        self._create = create
        self._at_the_end = at_the_end
        self._emit = emit
        self._stopped = threading.Event()
        self._container: Container | None = None

    def to_end(self) -> int:
        try:
            self._container = container = self._create()
        except (DockerException, OSError) as error:
            raise JobFailed(f"the container could not be made: {error}") from error
        try:
            return self._follow(container)
        except (DockerException, OSError) as error:
            raise JobFailed(f"the container could not be run: {error}") from error
        finally:
            with suppress(DockerException, OSError):
                self._kill(container)
                self._at_the_end(container)
                container.remove(force=True, v=True)

    def stop(self) -> None:
        if self._container is not None:
            self._say_if_full(self._container)
        self._stopped.set()
        if self._container is not None:
            self._kill(self._container)

    def _follow(self, container: Container) -> int:
        # Before it starts: nothing that it prints is kept for later.
        with _attached(container) as chunks:
            container.start()
            # Told to stop before it ran: there was nothing to kill then.
            if self._stopped.is_set():
                self._kill(container)
            for chunk in chunks:
                if not self._stopped.is_set():
                    self._emit(chunk)
        code = int(container.wait()["StatusCode"])
        container.reload()
        if container.attrs["State"].get("OOMKilled"):
            raise JobFailed("the module used more memory than it may have")
        return code

    def _say_if_full(self, container: Container) -> None:
        """A module that can start no more processes seldom says so, and is slow from then on."""
        with suppress(DockerException, OSError):
            stats = cast("dict[str, Any]", container.stats(stream=False, one_shot=True))
            now, most = (stats["pids_stats"].get(key) for key in ("current", "limit"))
            if now and most and now >= most:
                self._emit(f"\nmlsploit: the module has reached {most} processes\n".encode())

    def _kill(self, container: Container) -> None:
        with suppress(APIError):
            container.kill()


@contextmanager
def _attached(container: Container) -> Iterator[Iterator[bytes]]:
    stream = container.attach_socket(params=BOTH_STREAMS)
    frames = frames_iter(stream, tty=False)  # type: ignore[no-untyped-call]
    # The stream alone, closed, leaves the connection open that it was made of.
    with closing(stream), closing(getattr(stream, "_sock", stream)):
        yield (chunk for _, chunk in frames)
