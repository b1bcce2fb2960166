"""The administrators' commands of this service; they call service.py, so they tell events too.

A refusal goes to stderr, one line per fault, ends with 1 and leaves nothing behind.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from services.modules import git, queries, service
from services.modules.definition import Definition, DefinitionRefused, parse_definition
from services.modules.errors import Refused
from services.modules.main import describe
from services.modules.models import Module
from services.modules.settings import ModulesSettings
from shared.commands import on_database, refuse
from shared.db import Database

app = typer.Typer(help="Registered modules.", no_args_is_help=True, add_completion=False)

Result = TypeVar("Result")
Name = Annotated[str, typer.Argument(help="The module's name: letters, digits, - and _.")]
RepoUrl = Annotated[str, typer.Argument(help="https, ssh or file URL of its repository, or path.")]
Branch = Annotated[str, typer.Option("--branch", "-b", help="Branch or tag; default: its own.")]


@app.command()
def createmodule(name: Name, repo_url: RepoUrl, branch: Branch = "") -> None:
    """Register a module at the newest commit of its repository."""
    settings = ModulesSettings.load()

    async def create(database: Database) -> Module:
        service.check_name(name)
        async with database.reading() as session:
            await service.check_is_free(session, name)
        candidate = await service.fetch_candidate(name, repo_url, branch, settings.limits)
        async with database.transaction() as session:
            return await service.register_module(session, candidate)

    module = _work(settings, create)
    print(f"Module {name} registered at commit {module.commit}.")


@app.command()
def updatemodule(name: Name) -> None:
    """Bring a module to the newest commit of its branch; functions that stay keep their ids."""
    settings = ModulesSettings.load()

    async def update(database: Database) -> Module:
        async with database.reading() as session:
            old = await service.get_by_name(session, name)
        candidate = await service.fetch_candidate(
            name, old.repo_url, old.repo_branch, settings.limits
        )
        async with service.changing(database) as session:
            return await service.update_module(session, candidate)

    module = _work(settings, update)
    print(f"Module {name} is at commit {module.commit}.")


@app.command()
def removemodule(name: Name) -> None:
    """Remove a module with its functions; tasks that hold one of them stay, without a function."""

    async def remove(database: Database) -> None:
        async with service.changing(database) as session:
            await service.remove_module(session, await service.get_by_name(session, name))

    _work(ModulesSettings.load(), remove)
    print(f"Module {name} removed.")


@app.command()
def listmodules() -> None:
    """List all modules: name, commit, branch and repository."""

    async def rows(database: Database) -> list[str]:
        async with database.reading() as session:
            modules = await queries.list_modules(session)
        return [
            f"{one.name}\t{one.commit[:12]}\t{one.repo_branch}\t{one.repo_url}" for one in modules
        ]

    for row in reversed(_work(ModulesSettings.load(), rows)):
        print(row)


@app.command()
def checkmodule(
    source: Annotated[str, typer.Argument(help="A module's folder, or its repository's URL.")],
    branch: Branch = "",
) -> None:
    """Check a module's definition; nothing is registered, and no system need run."""
    try:
        definition = _definition_at(source, branch)
    except (Refused, DefinitionRefused) as error:
        refuse(str(error))
    names = ", ".join(function.name for function in definition.functions)
    print(f"{definition.display_name}: the definition is valid. Functions: {names}")


def _definition_at(source: str, branch: str) -> Definition:
    folder = git.folder_of(source)
    if folder.is_dir() and not branch:
        files = git.read_folder(folder)
        if files or not _is_repository(folder):
            return parse_definition(files, name=folder.resolve().name)
    limits = ModulesSettings.load().limits
    name = Path(source.rstrip("/")).name.removesuffix(".git")
    return asyncio.run(service.fetch_candidate(name, source, branch, limits)).definition


def _is_repository(folder: Path) -> bool:
    return (folder / ".git").exists() or (folder / "HEAD").is_file()


def _work(settings: ModulesSettings, work: Callable[[Database], Awaitable[Result]]) -> Result:
    try:
        return on_database(describe(settings), work)
    except (Refused, DefinitionRefused) as error:
        refuse(str(error))


if __name__ == "__main__":
    sys.exit(app())
