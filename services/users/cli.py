"""The administrators' commands of this service; they call service.py, so they tell events too."""

import os
import secrets
import sys
from getpass import getpass
from typing import Annotated

import typer

from services.users import passwords, queries, service
from services.users.keys import SigningKey
from services.users.main import describe
from services.users.models import User
from services.users.schemas import NewUser
from services.users.scopes import WORKER_SCOPE
from services.users.settings import UsersSettings
from shared.bodies import Submission
from shared.commands import on_database, refuse
from shared.db import Database

PASSWORD_VARIABLE = "MLSPLOIT_SUPERUSER_PASSWORD"
WORKER_TOKEN_DAYS = 3650

app = typer.Typer(help="Accounts and tokens.", no_args_is_help=True, add_completion=False)

Username = Annotated[str, typer.Option("--username", "-u", help="The account's name.")]
Name = Annotated[str, typer.Argument(help="The account's name.")]
Password = Annotated[
    str,
    typer.Option("--password", "-p", help="Asked for when not given.", show_default=False),
]


@app.command()
def createsuperuser(
    username: Username,
    email: Annotated[str, typer.Option(help="For the account.")] = "",
    password: Password = "",
    no_input: Annotated[
        bool,
        typer.Option(
            "--no-input", help=f"Never ask: {PASSWORD_VARIABLE} has the password, or there is none."
        ),
    ] = False,
) -> None:
    """Create an administrator."""
    chosen = password or os.environ.get(PASSWORD_VARIABLE, "")
    if no_input and not chosen:
        # One that nobody knows: an account that cannot be logged in to yet.
        _create(username, secrets.token_urlsafe(), email=email, is_staff=True)
        print(f"Superuser {username} created, without a password: changepassword {username}")
        return
    _create(username, chosen or _ask_password(), email=email, is_staff=True)
    print(f"Superuser {username} created.")


@app.command()
def createuser(username: Username, password: Password = "") -> None:
    """Create a user."""
    _create(username, password or _ask_password())
    print(f"User {username} created.")


@app.command()
def checkuserexists(username: Name) -> None:
    """Succeed (exit 0) if the user exists, fail (exit 1) if not."""

    async def find(database: Database) -> User | None:
        async with database.reading() as session:
            return await queries.find_by_username(session, username)

    if on_database(describe(UsersSettings.load()), find) is None:
        refuse(f"User {username} does not exist.")
    print(f"User {username} exists.")


@app.command()
def changepassword(username: Name, password: Password = "") -> None:
    """Set a user's password; tokens stay valid."""
    chosen = password or _ask_password()

    async def change(database: Database) -> None:
        _refuse_weak(chosen, username)
        password_hash = await passwords.hash_password(chosen)
        async with database.transaction() as session:
            user = await queries.get_by_username(session, username)
            service.set_password(user, password_hash)

    on_database(describe(UsersSettings.load()), change)
    print(f"Password of {username} changed.")


@app.command(name="drf_create_token")
def create_token(username: Name) -> None:
    """Print a new token of a user; tokens made before stay valid."""
    token = _issue(username, name="command line")
    print(f"Generated token {token} for user {username}")


@app.command()
def createworkertoken(username: Name) -> None:
    """Print a new token that can claim and report jobs in an administrator's name, nothing else."""
    print(_issue(username, name="worker", scopes=WORKER_SCOPE, days=WORKER_TOKEN_DAYS))


@app.command()
def listusers() -> None:
    """List all users: id, name, and whether an administrator."""

    async def rows(database: Database) -> list[str]:
        async with database.reading() as session:
            users = await queries.list_users(session, only_id=None)
        return [f"{one.id}\t{one.username}\t{'staff' if one.is_staff else ''}" for one in users]

    print("\n".join(on_database(describe(UsersSettings.load()), rows)))


def _create(username: str, password: str, *, email: str = "", is_staff: bool = False) -> None:
    async def create(database: Database) -> None:
        form = [("username", username), *([("email", email)] if email else [])]
        body = Submission(form=list(form)).into(NewUser)
        _refuse_weak(password, body.username)
        password_hash = await passwords.hash_password(password)
        async with database.transaction() as session:
            await service.add_user(
                session,
                body.username,
                password_hash,
                email=body.email,
                is_staff=is_staff,
            )

    on_database(describe(UsersSettings.load()), create)


def _issue(username: str, *, name: str, scopes: str | None = None, days: int | None = None) -> str:
    settings = UsersSettings.load()

    async def issue(database: Database) -> str:
        async with database.transaction() as session:
            return await service.issue_token(
                session,
                await queries.get_by_username(session, username),
                SigningKey(settings.api_secret_key),
                days=days or settings.token_days,
                name=name,
                scopes=scopes,
            )

    return on_database(describe(settings), issue)


def _refuse_weak(password: str, username: str) -> None:
    faults = passwords.weaknesses(password, username)
    if faults:
        refuse("\n".join(faults))


def _ask_password() -> str:
    if not sys.stdin.isatty():
        refuse("No password given, and nobody to ask: use --password.")
    password = getpass("Password: ")
    if password != getpass("Password (again): "):
        refuse("The two passwords didn't match.")
    return password
