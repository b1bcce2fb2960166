"""One service's database out and in: SQLite by its own backup, PostgreSQL by its own tools.

Each copy is of one moment, while others write.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from sqlalchemy import make_url

from dev.backup.layout import Backup
from dev.environment import PREFIX, data_dir_of
from dev.preflight import StartupFault

DEBIAN_FOLDERS = "/usr/lib/postgresql"
SQLITE, POSTGRES = "sqlite3", "dump"


def copy_database(service: str, settings: Mapping[str, str], backup: Backup) -> None:
    url = _server_of(service, settings)
    if url:
        dump = backup.database(service, POSTGRES)
        _run("pg_dump", "--format=custom", f"--file={dump}", f"--dbname={url}")
        return
    source = _file_of(service, settings)
    if not source.exists():
        raise StartupFault(f"{source} does not exist: has a system run there?")
    with (
        closing(sqlite3.connect(source)) as database,
        closing(sqlite3.connect(backup.database(service, SQLITE))) as copy,
    ):
        database.backup(copy)
        # The copy alone must be all of it.
        copy.execute("PRAGMA journal_mode=DELETE")


def restore_database(service: str, settings: Mapping[str, str], backup: Backup) -> None:
    url = _server_of(service, settings)
    ending = POSTGRES if url else SQLITE
    copy = backup.database(service, ending)
    if not copy.exists():
        other = "SQLite" if url else "PostgreSQL"
        raise StartupFault(f"The backup has the database of {service} in {other}'s form.")
    if url:
        options = ("--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges")
        _run("pg_restore", *options, f"--dbname={url}", str(copy))
        return
    target = _file_of(service, settings)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(copy, target)


def holds_something(service: str, settings: Mapping[str, str]) -> bool:
    """Whether a restoration would meet something that is there already."""
    url = _server_of(service, settings)
    if not url:
        return _file_of(service, settings).exists()
    question = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    return int(_run("psql", "--no-psqlrc", "-Atc", question, url)) > 0


def blobs_named_by(backup: Backup) -> dict[str, str]:
    """The digest of every content that the copied files database names, by key."""
    file = backup.database("files", SQLITE)
    if file.exists():
        with closing(sqlite3.connect(file)) as copy:
            return dict(copy.execute("SELECT blob_key, sha256 FROM files"))
    dump = backup.database("files", POSTGRES)
    text = _run("pg_restore", "--data-only", "--table=files", "--file=-", str(dump))
    return {row["blob_key"]: row["sha256"] for row in _copied_rows(text)}


def _copied_rows(text: str) -> Iterator[dict[str, str]]:
    """The rows of `COPY public.files (id, ...) FROM stdin;`, up to a line with `\\.`."""
    columns: list[str] = []
    for line in text.splitlines():
        if line.startswith("COPY public.files ("):
            columns = line.partition("(")[2].partition(")")[0].split(", ")
        elif line == "\\.":
            columns = []
        elif columns:
            yield dict(zip(columns, line.split("\t"), strict=True))


def _file_of(service: str, settings: Mapping[str, str]) -> Path:
    return data_dir_of(settings) / service / f"{service}.sqlite3"


def _server_of(service: str, settings: Mapping[str, str]) -> str:
    """As PostgreSQL's own tools want it; empty for SQLite."""
    url = settings.get(f"{PREFIX}{service.upper()}_DATABASE_URL", "")
    if not url.startswith("postgresql"):
        return ""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _run(program: str, *arguments: str) -> str:
    done = subprocess.run(
        [_program(program), *arguments], check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise StartupFault(f"{program}: {done.stderr.strip()}")
    return done.stdout


def _program(name: str) -> str:
    """In PATH, or where Debian hides it: the newest, which reads what older servers wrote."""
    beside = sorted(Path(DEBIAN_FOLDERS).glob(f"*/bin/{name}"))
    found = str(beside[-1]) if beside else shutil.which(name)
    if found is None or not os.access(found, os.X_OK):
        raise StartupFault(f"{name} is missing: install PostgreSQL's client programs.")
    return found
