"""A request that was answered before its end does not hold its connection, nor lose its answer."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPResponse

import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from deploy.early_answers import MOMENT_SECONDS, EarlyAnswers
from deploy.quiet import QuietServer
from dev.waiting import eventually

HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Of a server that reads no body, and would keep connections for a minute."""
    app = PlainTextResponse("too much", status_code=413)
    config = uvicorn.Config(app, http=EarlyAnswers, timeout_keep_alive=60, log_config=None)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = QuietServer(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        eventually(lambda: server.started, "the server serves")
        yield listener.getsockname()[1]
        server.should_exit = True
        server.look_now()
        thread.join()


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        yield connection


def status_of_answer(connection: socket.socket) -> int:
    answer = HTTPResponse(connection)
    answer.begin()
    answer.read()
    return answer.status


@pytest.mark.parametrize("begun", [b"", b"12345"])
def test_who_goes_on_sending_is_cut_after_the_answer(port: int, begun: bytes) -> None:
    with connected(port) as connection:
        connection.sendall(HEAD + begun)

        assert status_of_answer(connection) == 413
        assert connection.recv(1) == b""


def test_who_has_sent_it_all_in_time_keeps_the_connection(port: int) -> None:
    began = time.monotonic()
    with connected(port) as connection:
        while time.monotonic() - began < 3 * MOMENT_SECONDS:
            connection.sendall(HEAD)
            assert status_of_answer(connection) == 413
            connection.sendall(b"1234567890")
