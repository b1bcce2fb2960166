"""One container from creation to removal, in one thread; `stop` comes from another."""

import threading
from collections.abc import Callable
from contextlib import closing, suppress

from docker.errors import APIError, DockerException
from docker.models.containers import Container

from execution.failures import JobFailed
from execution.runners import Emit


class RunningContainer:
    def __init__(self, create: Callable[[], Container], emit: Emit) -> None:
        self._create = create
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
                container.remove(force=True, v=True)

    def stop(self) -> None:
        self._stopped.set()
        if self._container is not None:
            self._kill(self._container)

    def _follow(self, container: Container) -> int:
        container.start()
        # Told to stop before it ran: there was nothing to kill then.
        if self._stopped.is_set():
            self._kill(container)
        with closing(container.logs(stream=True, follow=True)) as chunks:
            for chunk in chunks:
                self._emit(chunk)
        code = int(container.wait()["StatusCode"])
        container.reload()
        if container.attrs["State"].get("OOMKilled"):
            raise JobFailed("the module used more memory than it may have")
        return code

    def _kill(self, container: Container) -> None:
        with suppress(APIError):
            container.kill()
