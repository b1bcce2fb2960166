"""The rules of modules: registered whole or not at all, pinned to a commit, function ids stay.

Fetching and reading a definition comes first and touches no database, so a module that is refused
leaves nothing behind.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from services.modules import git, queries
from services.modules.addresses import Pin
from services.modules.definition import Definition, DefinitionRefused, parse_definition
from services.modules.definition import Function as DefinedFunction
from services.modules.errors import NameRefused
from services.modules.git_commands import Limits
from services.modules.models import Function, Module
from services.modules.schemas import NAME
from shared.clients.modules import FUNCTIONS_BELIEVED_SECONDS
from shared.db import Database
from shared.events.modules import ModuleRegistered, ModuleRemoved, ModuleUpdated
from shared.messaging.outbox import publish

# Also a part of message subjects and of image names.


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a repository offers at one commit: understood, but not registered yet."""

    name: str
    repo_url: str
    repo_branch: str
    commit: str
    definition: Definition


def check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise NameRefused(
            f"{name!r} cannot name a module: 1 to 50 letters, digits, - and _ are allowed"
        )


async def fetch_candidate(
    name: str, repo_url: str, branch: str | None, limits: Limits, *, pin: Pin | None = None
) -> Candidate:
    """Fetch and read a definition; RepositoryRefused or DefinitionRefused say what is wrong."""
    url = git.repository_url(repo_url)
    fetched = await git.fetch(url, branch or None, limits, pin=pin)
    definition = parse_definition(fetched.files, name=name)
    return Candidate(name, url, fetched.branch, fetched.commit, definition)


async def judge_definition(files: Mapping[str, bytes]) -> dict[str, Any]:
    """What registering these files would say, without doing it."""
    try:
        # In a thread: a large file takes a while to read.
        definition = await asyncio.to_thread(parse_definition, files, name="module")
    except DefinitionRefused as refused:
        return {"valid": False, "functions": [], "faults": [asdict(f) for f in refused.faults]}
    names = [function.name for function in definition.functions]
    return {"valid": True, "functions": names, "faults": []}


async def check_is_free(session: AsyncSession, name: str) -> None:
    if await queries.find_by_name(session, name) is not None:
        raise NameRefused(f"a module named {name!r} is registered already")


async def register_module(session: AsyncSession, candidate: Candidate) -> Module:
    """Add a module and its functions."""
    await check_is_free(session, candidate.name)
    module = Module(name=candidate.name, **_columns_of_module(candidate))
    session.add(module)
    try:
        await session.flush()
    except IntegrityError:
        # Another process was faster, after we looked.
        raise NameRefused(f"a module named {candidate.name!r} is registered already") from None
    await _store_functions(session, module, candidate.definition)
    event = ModuleRegistered(module_id=module.id or 0, name=module.name, commit=module.commit)
    await publish(session, event)
    return module


@asynccontextmanager
async def changing(database: Database) -> AsyncIterator[AsyncSession]:
    """A transaction that changes what is registered; over when nobody believes what was before.

    So whoever is told of the change, and then starts a run, starts what is registered now.
    """
    async with database.transaction() as session:
        yield session
    await asyncio.sleep(FUNCTIONS_BELIEVED_SECONDS)


async def update_module(session: AsyncSession, candidate: Candidate) -> Module:
    """Move a module to the candidate's commit; functions that stay keep their ids, as tasks do."""
    module = await get_by_name(session, candidate.name)
    if (module.commit, module.repo_url) == (candidate.commit, candidate.repo_url):
        return module
    for name, value in _columns_of_module(candidate).items():
        setattr(module, name, value)
    session.add(module)
    removed = await _store_functions(session, module, candidate.definition)
    event = ModuleUpdated(
        module_id=module.id or 0,
        name=module.name,
        commit=module.commit,
        removed_function_ids=removed,
    )
    await publish(session, event)
    return module


async def remove_module(session: AsyncSession, module: Module) -> None:
    """The module and its functions go; tasks and jobs elsewhere follow the event."""
    functions = await queries.functions_of(session, module)
    for function in functions:
        await session.delete(function)
    await session.delete(module)
    function_ids = [function.id or 0 for function in functions]
    event = ModuleRemoved(module_id=module.id or 0, name=module.name, function_ids=function_ids)
    await publish(session, event)


async def get_by_name(session: AsyncSession, name: str) -> Module:
    module = await queries.find_by_name(session, name)
    if module is None:
        raise NameRefused(f"no module is named {name!r}")
    return module


async def _store_functions(
    session: AsyncSession, module: Module, definition: Definition
) -> list[int]:
    """Make the stored functions those of the definition; returns the ids of those that are gone."""
    stored = {function.name: function for function in await queries.functions_of(session, module)}
    for defined in definition.functions:
        function = stored.pop(defined.name, None)
        columns = _columns_of_function(defined)
        if function is None:
            function = Function(module_id=module.id or 0, **columns)
        for name, value in columns.items():
            setattr(function, name, value)
        session.add(function)
        # One by one: ids, and so the served order, follow the definition.
        await session.flush()
    for function in stored.values():
        await session.delete(function)
    return [function.id or 0 for function in stored.values()]


def _columns_of_module(candidate: Candidate) -> dict[str, Any]:
    definition = candidate.definition
    return {
        "repo_url": candidate.repo_url,
        "repo_branch": candidate.repo_branch,
        "commit": candidate.commit,
        "display_name": definition.display_name,
        "tagline": definition.tagline,
        "doctxt": definition.doctxt,
        "config": definition.config_text,
        "icon_url": definition.icon_url or "",
    }


def _columns_of_function(function: DefinedFunction) -> dict[str, Any]:
    return {
        "name": function.name,
        "doctxt": function.doctxt,
        "options": function.options_text,
        "creates_new_files": function.creates_new_files,
        "modifies_input_files": function.modifies_input_files,
        "expected_filetype": function.expected_filetype,
        "optional_filetypes": function.optional_filetypes_text,
        "output_tags": function.output_tags_text,
        "timeout_seconds": function.timeout_seconds,
    }
