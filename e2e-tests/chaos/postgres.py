"""A PostgreSQL that may be killed: what it has committed is there when it comes back."""

import asyncio
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import psutil
from sqlalchemy import URL

from dev.waiting import eventually
from shared.testing.postgres import (
    USER,
    PostgresServer,
    as_unprivileged,
    programs_folder,
    run_program,
)

# A commit counts once it is out of the server's own memory; no test outlives the machine.
OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "log_min_messages": "warning",
}
ANSWER_SECONDS_MAX = 2.0


class MortalPostgres:
    """A server of its own below `folder`, reached through a socket there."""

    name = "postgres"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = folder / "data"
        self._programs = programs_folder()
        self._as_user = as_unprivileged(folder)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> str:
        return str(self._folder / ".s.PGSQL.5432")

    @property
    def server(self) -> PostgresServer:
        return PostgresServer(
            URL.create("postgresql+asyncpg", USER, query={"host": str(self._folder)})
        )

    def create(self) -> None:
        run_program(
            *self._as_user,
            *(str(self._programs / "initdb"), "--pgdata", str(self._data), "--username", USER),
            *("--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
        )
        self.start()
        eventually(self.is_up, "PostgreSQL answers", seconds_max=60)

    def start(self) -> None:
        options = OPTIONS | {"unix_socket_directories": str(self._folder)}
        arguments = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._as_user, str(self._programs / "postgres"), "-D", self._data, *arguments],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def kill(self) -> None:
        """The whole server at once, as when a container is killed."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def is_up(self) -> bool:
        return asyncio.run(self._answers())

    def destroy(self) -> None:
        self.resume()
        self.kill()

    async def _answers(self) -> bool:
        address = self.server.database("postgres").replace("+asyncpg", "")
        try:
            connection = await asyncpg.connect(address, timeout=ANSWER_SECONDS_MAX)
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return False
        await connection.close()
        return True

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        postmaster = psutil.Process(self._process.pid)
        for process in [postmaster, *postmaster.children(recursive=True)]:
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:
                continue


@contextmanager
def mortal_postgres() -> Iterator[MortalPostgres]:
    # Not below pytest's folder: the path of a socket is short, and its owner is another user.
    with tempfile.TemporaryDirectory(prefix="mlsploit-pg-", ignore_cleanup_errors=True) as folder:
        server = MortalPostgres(Path(folder))
        try:
            server.create()
            yield server
        finally:
            server.destroy()
