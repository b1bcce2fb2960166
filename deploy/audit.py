"""The audit log at the command line: what a command does is noted, and `auditlog` reads it all."""

import getpass
import importlib
import re
from collections.abc import Sequence
from typing import Annotated

import typer
from sqlalchemy import select

from shared import audit
from shared.app import Service
from shared.clock import iso
from shared.commands import on_database
from shared.db import Database
from shared.messaging.tables import audit_log

LINES_DEFAULT = 100
PASSWORD = re.compile(r"(-p|--password)(=?)(.*)", re.DOTALL)

Lines = Annotated[int, typer.Option("--lines", "-n", min=1, help="At most so many, the newest.")]


def begin_command(arguments: Sequence[str]) -> None:
    """Whatever this command commits is noted with its words; only a password is not."""
    action, *words = arguments
    audit.begin(f"command line ({_user()})", action, " ".join(_without_passwords(words)))


def _without_passwords(words: Sequence[str]) -> list[str]:
    shown = []
    is_password = False
    for word in words:
        found = PASSWORD.fullmatch(word)
        shown.append(
            "***" if is_password else found[1] + found[2] + "***" if found and found[3] else word
        )
        is_password = bool(found and not found[3])
    return shown


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # A container may run under a number that has no name.
        return "nobody by name"


def commands_of(name: str) -> typer.Typer:
    """The command for one service; nothing of another is loaded."""
    app = typer.Typer(help=f"Audit log of {name}.", add_completion=False)

    @app.command()
    def auditlog(lines: Lines = LINES_DEFAULT) -> None:
        """List what administrators did: when, service, who, what, on what, from where, request."""

        async def read(database: Database) -> list[str]:
            newest = select(audit_log).order_by(audit_log.c.id.desc()).limit(lines)
            async with database.reading() as session:
                rows = (await session.execute(newest)).all()
            return [
                "\t".join(
                    (
                        iso(row.at),
                        name,
                        row.actor,
                        row.action,
                        row.target,
                        row.client,
                        row.request_id,
                    )
                )
                for row in reversed(rows)
            ]

        for line in on_database(_service(name), read):
            print(line)

    return app


def _service(name: str) -> Service:
    settings = importlib.import_module(f"services.{name}.settings")
    main = importlib.import_module(f"services.{name}.main")
    found: Service = main.describe(getattr(settings, f"{name.title()}Settings").load())
    return found
