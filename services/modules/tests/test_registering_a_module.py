"""Registering, updating and removing: whole or not at all, told to others, ids that stay."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from services.modules import queries, service
from services.modules.definition import DefinitionRefused
from services.modules.errors import NameRefused
from services.modules.git_commands import Limits
from services.modules.models import Module
from shared.db import Database
from shared.testing.fixtures import Published

Commit = Callable[..., str]
Register = Callable[..., Awaitable[Module]]
INPUT = '{"functions": [{"name": "Old", "options": [], "extensions": [{"extension": "txt"}]}]}'
OUTPUT = '{"functions": [{"name": "Old", "files_extra": true, "files_modified": false}]}'


async def test_a_module_is_pinned_to_the_commit_of_its_branch_and_told_of(
    register: Register, commit: Commit, published: Published, repository: Path
) -> None:
    commit("not yet")
    newest = commit()

    module = await register()

    assert (module.commit, module.repo_branch) == (newest, "main")
    assert module.repo_url == repository.as_uri()
    assert await published() == [
        (
            "mlsploit.events.modules.module.registered",
            {"module_id": module.id, "name": "edge", "commit": newest},
        )
    ]


async def test_a_module_of_the_older_format_registers_under_its_name(
    register: Register, commit: Commit, database: Database
) -> None:
    commit(INPUT, "input.schema")
    commit(OUTPUT, "output.schema")

    module = await register("older")

    assert (module.display_name, module.icon_url) == ("older", "")
    async with database.reading() as session:
        [function] = await queries.functions_of(session, module)
    assert (function.name, function.creates_new_files) == ("Old", True)


async def test_a_refused_module_leaves_nothing_behind(
    register: Register, commit: Commit, database: Database, published: Published, definition: str
) -> None:
    commit(definition.replace("type: int", "type: integer").replace("true", "maybe"))

    with pytest.raises(DefinitionRefused) as refused:
        await register()

    assert [fault.line for fault in refused.value.faults] == [9, 11, 13]
    async with database.reading() as session:
        assert await queries.list_modules(session) == []
        assert await queries.list_functions(session) == []
    assert await published() == []


async def test_a_name_is_taken_once(register: Register, commit: Commit) -> None:
    commit()
    await register()

    with pytest.raises(NameRefused, match="'edge' is registered already"):
        await register()


@pytest.mark.parametrize("name", ["", "a b", "a.b", "x" * 51, "edge\n", "é", "../x"])
def test_a_name_that_is_no_part_of_a_subject_is_refused(name: str) -> None:
    with pytest.raises(NameRefused, match="letters, digits, - and _"):
        service.check_name(name)


async def test_an_update_keeps_the_ids_of_functions_that_stay_and_names_those_that_go(
    register: Register,
    commit: Commit,
    database: Database,
    published: Published,
    definition: str,
    repository: Path,
    limits: Limits,
) -> None:
    function = definition[definition.index("- name: Fn") : definition.index("icon_url")]
    head, foot = definition.split(function)
    commit(head + function + function.replace("Fn", "Gone") + foot)
    module = await register()
    async with database.reading() as session:
        kept, gone = await queries.functions_of(session, module)
    newest = commit(head + function.replace("default: 3", "default: 4") + foot)

    candidate = await service.fetch_candidate("edge", str(repository), None, limits)
    async with database.transaction() as session:
        await service.update_module(session, candidate)

    async with database.reading() as session:
        [now] = await queries.functions_of(session, module)
    assert (now.id, '"default": 4' in now.options) == (kept.id, True)
    data = {"module_id": module.id, "name": "edge", "commit": newest}
    [_, told] = await published()
    assert told == (
        "mlsploit.events.modules.module.updated",
        {**data, "removed_function_ids": [gone.id]},
    )


async def test_an_update_without_a_new_commit_changes_and_tells_nothing(
    register: Register,
    commit: Commit,
    database: Database,
    published: Published,
    repository: Path,
    limits: Limits,
) -> None:
    commit()
    await register()

    candidate = await service.fetch_candidate("edge", str(repository), "main", limits)
    async with database.transaction() as session:
        await service.update_module(session, candidate)

    assert len(await published()) == 1


async def test_two_modules_may_have_functions_of_one_name(
    register: Register, commit: Commit, database: Database
) -> None:
    commit()
    await register("first")
    await register("second")

    async with database.reading() as session:
        functions = await queries.list_functions(session)
    assert [(one.module_name, one.name) for one in functions] == [("second", "Fn"), ("first", "Fn")]
