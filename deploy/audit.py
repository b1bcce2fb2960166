"""The audit log at the command line: what a command does is noted, and `auditlog` reads it all."""

import getpass
import re
from collections.abc import Sequence
from typing import Annotated

import typer
from sqlalchemy import select

from deploy.services import description_of
from shared import audit
from shared.clock import iso
from shared.commands import on_database
from shared.db import Database
from shared.messaging.tables import audit_log

LINES_DEFAULT = 100
# Among words parted by NUL, which no word can hold.
PASSWORD = re.compile(r"(^|\0)(--password[=\0]|-p=?\0?)[^\0]*")

Lines = Annotated[int, typer.Option("--lines", "-n", min=1, help="At most so many, the newest.")]


def begin_command(arguments: Sequence[str]) -> None:
    """Whatever this command commits is noted with its words; only a password is not."""
    action, *words = arguments
    told = PASSWORD.sub(r"\1\2***", "\0".join(words)).replace("\0", " ")
    audit.begin(f"command line ({_user()})", action, told)


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
                f"{iso(row.at)}\t{name}\t{row.actor}\t{row.action}\t{row.target}"
                f"\t{row.client}\t{row.request_id}"
                for row in reversed(rows)
            ]

        for line in on_database(description_of(name), read):
            print(line)

    return app
