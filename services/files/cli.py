"""The administrators' commands of this service: whether rows and blobs still belong together, and
blobs out of one place and into another."""

import asyncio
import sys
from collections.abc import Iterable

import typer

from services.files import queries
from services.files.main import describe
from services.files.settings import FilesSettings
from services.files.storage import archive
from services.files.storage.interface import BlobStore
from services.files.storage.opening import store_of
from shared.commands import on_database
from shared.db import Database

app = typer.Typer(help="Files and their contents.", no_args_is_help=True, add_completion=False)


@app.command()
def checkblobs() -> None:
    """Find files whose content is lost or damaged, and contents without a file (exit 1 if any)."""
    settings = FilesSettings.load()

    async def look_twice(database: Database) -> set[str]:
        """An upload or a deletion that is just under way looks wrong once, not twice."""
        async with store_of(settings) as store:
            found = await _faults(database, store)
            return found & await _faults(database, store) if found else found

    faults = on_database(describe(settings), look_twice)
    _report(faults)
    raise typer.Exit(1 if faults else 0)


@app.command()
def exportblobs() -> None:
    """Write every content to standard output, as a tar; keys on standard input are left out."""
    settings = FilesSettings.load()
    without = {line.strip() for line in sys.stdin}

    async def export() -> int:
        async with store_of(settings) as store:
            return await archive.write(store, sys.stdout.buffer, without=without)

    print(f"{asyncio.run(export())} contents", file=sys.stderr)


@app.command()
def importblobs() -> None:
    """Store the contents in a tar from standard input; a damaged one is refused (exit 1)."""
    settings = FilesSettings.load()

    async def read(database: Database) -> list[str]:
        async with database.reading() as session:
            expected = await queries.hashes_by_key(session)
        async with store_of(settings) as store:
            return await archive.read(store, sys.stdin.buffer, expected)

    damaged = on_database(describe(settings), read)
    for key in damaged:
        print(f"damaged: blob {key} is not what its file says")
    raise typer.Exit(1 if damaged else 0)


async def _faults(database: Database, store: BlobStore) -> set[str]:
    async with database.reading() as session:
        files = await queries.blobs_by_key(session)
        doomed = await queries.list_doomed_keys(session)
    stored = {key: size async for key, size in store.sizes()}
    faults = set()
    for key, (file_id, size) in files.items():
        if key not in stored:
            faults.add(f"lost: file {file_id} has no content (blob {key})")
        elif stored[key] != size:
            faults.add(f"damaged: file {file_id} has {stored[key]} bytes, not {size} (blob {key})")
    orphans = stored.keys() - files.keys() - doomed
    return faults | {f"orphaned: blob {key} has no file ({stored[key]} bytes)" for key in orphans}


def _report(faults: Iterable[str]) -> None:
    for fault in sorted(faults):
        print(fault)
    if not faults:
        print("Every file has its content, and every content its file.")
