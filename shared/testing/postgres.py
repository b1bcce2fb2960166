"""A real PostgreSQL for tests: one server per session, one database per folder of tests.

Invariant: a test finds an empty database of the newest revision or none at all, whatever the test
before it left behind, connections included.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from sqlalchemy import URL, make_url

# A server that is there already, by a URL of a user who may create databases.
SERVER_VARIABLE = "TEST_POSTGRES_URL"
DEBIAN_FOLDERS = "/usr/lib/postgresql"
STOP_SECONDS = 20
# The server refuses to run as root; these accounts own nothing that matters.
UNPRIVILEGED = ("postgres", "nobody")
# Nothing here outlives a crash of the machine, so nothing waits for the disk.
OPTIONS = {
    "listen_addresses": "",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
}
USER = "postgres"


class NoPostgres(Exception):
    """No PostgreSQL can be had; the text says why."""


@dataclass(frozen=True)
class PostgresServer:
    """Databases by name, on one server."""

    url: URL

    def database(self, name: str) -> str:
        """The address of a database, as a service's setting has it."""
        return self.url.set(database=name).render_as_string(hide_password=False)

    async def empty_database(self, name: str) -> str:
        """A database that holds no rows; its tables stay, so that migrating it again is cheap."""
        connection = await self._connect(name)
        if connection is None:
            await self._create(name)
            return self.database(name)
        try:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            found = await connection.fetch(
                "SELECT quote_ident(tablename) AS name FROM pg_tables "
                "WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
            )
            if found:
                tables = ", ".join(row["name"] for row in found)
                await connection.execute(f"TRUNCATE {tables} RESTART IDENTITY CASCADE")
        finally:
            await connection.close()
        return self.database(name)

    async def bare_database(self, name: str) -> str:
        """A database without a table."""
        url = await self.empty_database(name)
        connection = await self._connect(name)
        assert connection is not None, "it was made above"
        try:
            await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        finally:
            await connection.close()
        return url

    async def _create(self, name: str) -> None:
        connection = await self._connect("postgres")
        assert connection is not None, "every server has a database named postgres"
        try:
            await connection.execute(f'CREATE DATABASE "{name}"')
        finally:
            await connection.close()

    async def _connect(self, name: str) -> "asyncpg.Connection | None":
        try:
            return await asyncpg.connect(self.database(name).replace("+asyncpg", ""))
        except asyncpg.InvalidCatalogNameError:
            return None


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """The server that the environment names, or one started for this session."""
    if given := os.environ.get(SERVER_VARIABLE):
        yield PostgresServer(make_url(given).set(drivername="postgresql+asyncpg"))
        return
    programs = programs_folder()
    # Not below pytest's folder: the path of a socket is short, and its owner is another user.
    folder = Path(tempfile.mkdtemp(prefix="mlsploit-pg-"))
    try:
        yield from _own_server(programs, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _own_server(programs: Path, folder: Path) -> Iterator[PostgresServer]:
    as_user = as_unprivileged(folder)
    data = folder / "data"
    control = [*as_user, str(programs / "pg_ctl"), "--pgdata", str(data), "--wait"]
    run_program(
        *as_user,
        *(str(programs / "initdb"), "--pgdata", str(data), "--username", USER),
        *("--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-sync"),
    )
    options = OPTIONS | {"unix_socket_directories": str(folder)}
    arguments = " ".join(f"-c {name}='{value}'" for name, value in options.items())
    run_program(*control, "--log", str(folder / "log"), "--options", arguments, "start")
    try:
        url = URL.create("postgresql+asyncpg", USER, query={"host": str(folder)})
        yield PostgresServer(url)
    finally:
        run_program(*control, "--mode", "immediate", "--timeout", str(STOP_SECONDS), "stop")


def programs_folder() -> Path:
    """The folder with the server's programs: in PATH, or where Debian hides them."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    versions = sorted(Path(DEBIAN_FOLDERS).glob("*/bin/initdb"))
    if not versions:
        raise NoPostgres(
            f"no PostgreSQL server is installed here, and {SERVER_VARIABLE} names none"
        )
    return versions[-1].parent


def as_unprivileged(folder: Path) -> Sequence[str]:
    """How to start the server as somebody who is not root; hands them the folder."""
    if os.geteuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    for name in UNPRIVILEGED:
        try:
            account = pwd.getpwnam(name)
        except KeyError:
            continue
        if setpriv:
            os.chown(folder, account.pw_uid, account.pw_gid)
            ids = (f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups")
            return (setpriv, *ids)
    raise NoPostgres("PostgreSQL does not run as root, and there is nobody else to run it as")


def run_program(*command: str) -> None:
    done = subprocess.run(  # noqa: S603 - the programs found above
        command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/"
    )
    if done.returncode:
        raise NoPostgres(f"{Path(command[-1]).name}: {done.stderr.strip() or done.stdout.strip()}")
