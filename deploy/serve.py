"""Serves one app as a replica among others: `python -m deploy.serve services.runs.main:build`.

On SIGTERM it first says that it is leaving (`/livez` answers 503) and goes on serving until the
gateway has noticed; only then does it stop listening. So a rolling restart refuses no request.
A process that was asked to leave, and did in order, ends with 0.
"""

import os
import signal
import socket
import sys
import threading
from types import FrameType

import uvicorn
from fastapi import FastAPI
from uvicorn.importer import import_from_string

from deploy.early_answers import EarlyAnswers
from deploy.quiet import QuietServer

# The gateway asks every second (docker-compose.yml) and needs a moment to act. With the grace this
# stays below the 10 s that Docker gives a container to stop.
NOTICE_SECONDS = 3.0
GRACE_SECONDS = 5


class Replica(QuietServer):
    """A server that gives notice before it leaves."""

    def __init__(self, app: FastAPI, config: uvicorn.Config):
        super().__init__(config)
        self._app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig != signal.SIGTERM or self._app.state.is_leaving:
            super().handle_exit(sig, frame)
            return
        self._app.state.is_leaving = True
        leave = threading.Timer(NOTICE_SECONDS, self._leave)
        leave.daemon = True
        leave.start()

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        await super().serve(sockets)
        if self._app.state.is_leaving:
            # All is answered and closed. The interpreter's end waits for whatever threads are left;
            # in a container that took, now and then, longer than Docker waits before it kills.
            os._exit(0)

    def _leave(self) -> None:
        # Not by uvicorn's own handler: it would raise the signal again in the end, against itself.
        self.should_exit = True
        self.look_now()


def main(factory: str, parser: str | None = None) -> None:
    """`parser` is uvicorn's `http`: which of its HTTP parsers reads requests, if not our own."""
    app: FastAPI = import_from_string(factory)()
    # Requests get their log line from the application.
    config = uvicorn.Config(
        app,
        host="0.0.0.0",
        port=8000,
        http=parser or EarlyAnswers,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    Replica(app, config).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
