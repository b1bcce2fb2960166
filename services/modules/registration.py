"""Modules registered and updated by request: the command line's rules, and public addresses only.

No transaction waits while git works. What is wrong is said by field, as for every other body.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from services.modules import git, queries, service
from services.modules.addresses import pin_to_public
from services.modules.definition import DefinitionRefused
from services.modules.errors import NameRefused, RepositoryRefused
from services.modules.models import Module
from services.modules.schemas import NewModule
from services.modules.service import Candidate
from services.modules.settings import ModulesSettings
from shared.db import Database
from shared.errors import InvalidFields


async def register_by_request(
    database: Database, body: NewModule, settings: ModulesSettings
) -> Module:
    with _refusals_by_field():
        service.check_name(body.name)
        async with database.reading() as session:
            await service.check_is_free(session, body.name)
        candidate = await _fetch(body.name, body.repo_url, body.repo_branch, settings)
        async with database.transaction() as session:
            return await service.register_module(session, candidate)


async def update_by_request(
    database: Database, module_id: int, settings: ModulesSettings
) -> Module:
    """To the newest commit of its branch."""
    async with database.reading() as session:
        old = await queries.get_module(session, module_id)
    with _refusals_by_field():
        candidate = await _fetch_again(old, settings)
        async with service.changing(database) as session:
            return await service.update_module(session, candidate)


async def _fetch_again(old: Module, settings: ModulesSettings) -> Candidate:
    # Only an operator can have registered a folder.
    if old.repo_url.startswith("file://"):
        return await service.fetch_candidate(
            old.name, old.repo_url, old.repo_branch, settings.limits
        )
    return await _fetch(old.name, old.repo_url, old.repo_branch, settings)


async def _fetch(name: str, url: str, branch: str, settings: ModulesSettings) -> Candidate:
    pin = await pin_to_public(
        git.repository_url(url), is_private_allowed=settings.private_addresses_allowed
    )
    return await service.fetch_candidate(name, url, branch, settings.limits, pin=pin)


@contextmanager
def _refusals_by_field() -> Iterator[None]:
    try:
        yield
    except NameRefused as refused:
        raise InvalidFields.of_field("name", str(refused)) from None
    except RepositoryRefused as refused:
        raise InvalidFields.of_field("repo_url", str(refused)) from None
    except DefinitionRefused as refused:
        raise InvalidFields({"definition": [str(fault) for fault in refused.faults]}) from None
