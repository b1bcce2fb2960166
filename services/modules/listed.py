"""`modules.csv`: modules that a system registers by itself when it starts.

A line that cannot be registered is logged and holds up no other; one whose name is registered
already is left as it is, so that starting again changes nothing.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import structlog
from fastapi import FastAPI

from services.modules import queries, service
from services.modules.definition import DefinitionRefused
from services.modules.errors import Refused
from services.modules.settings import ModulesSettings
from shared.db import Database

COLUMNS = ("name", "url", "branch")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Listed:
    """One line: which repository to register under which name; no branch is its default one."""

    name: str
    url: str
    branch: str | None


def read_list(text: str) -> list[Listed]:
    """The lines of a `modules.csv`; its heading, blank lines and # comments say nothing."""
    rows = csv.reader(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    listed = []
    for row in rows:
        cells = [cell.strip() for cell in row]
        if not any(cells) or tuple(cells) == COLUMNS:
            continue
        name, url, branch, *_ = [*cells, "", ""]
        listed.append(Listed(name, url, branch or None))
    return listed


async def register_listed_modules(app: FastAPI) -> None:
    """Once, after the start; requests are answered meanwhile."""
    settings: ModulesSettings = app.state.settings
    if not settings.csv_file.is_file():
        return
    for listed in read_list(_text_of(settings.csv_file)):
        await register_listed(app.state.database, listed, settings)


async def register_listed(database: Database, listed: Listed, settings: ModulesSettings) -> None:
    """Register one line, or say in the log why not."""
    try:
        service.check_name(listed.name)
        async with database.reading() as session:
            if await queries.find_by_name(session, listed.name) is not None:
                return
        candidate = await service.fetch_candidate(
            listed.name, listed.url, listed.branch, settings.limits
        )
        async with database.transaction() as session:
            await service.register_module(session, candidate)
    except (Refused, DefinitionRefused) as error:
        log.warning("listed_module_refused", module=listed.name, reason=str(error))
    else:
        log.info("listed_module_registered", module=listed.name, commit=candidate.commit)


def _text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8", errors="replace")
