"""The two commands that every service has: look at its dead letters, and try them again.

A letter is tried again where it failed and nowhere else: the subscription's own handler gets it, on
the service's database, in one transaction with the inbox. Only then is it taken off the stream.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import nats
import typer
from nats.errors import Error as NatsError
from nats.js import JetStreamContext

from deploy.services import description_of
from shared.app import Service
from shared.clients.dead_letters import Letter, read_letters, remove_letter
from shared.commands import on_database, refuse
from shared.db import Database
from shared.messaging.broker import address_of
from shared.messaging.consumer import handle_once
from shared.settings import PlatformSettings

COMMANDS = ("deadletters", "replaydead")
CONNECT_SECONDS_MAX = 10
TRY_AGAIN_SECONDS = 0.5

Number = Annotated[int | None, typer.Option("--number", "-n", help="Only this letter.")]


def commands_of(name: str) -> typer.Typer:
    """The commands for one service; nothing of another is loaded."""
    app = typer.Typer(help=f"Dead letters of {name}.", add_completion=False)

    @app.command()
    def deadletters() -> None:
        """List what was given up: number, subscription, tries, event, reason."""
        for letter in asyncio.run(_letters(name)):
            about = letter.about
            print(
                f"{letter.number}\t{name}-{letter.subscription}\t{about.tries} tries"
                f"\t{about.subject}\t{about.event_id}\t{about.reason}"
            )

    @app.command()
    def replaydead(number: Number = None) -> None:
        """Handle dead letters again; what fails again stays where it is."""
        service = description_of(name)

        async def replay(database: Database) -> int:
            wanted = [one for one in await _letters(name) if number in (None, one.number)]
            if number is not None and not wanted:
                refuse(f"{name} has no dead letter {number}.")
            async with _jetstream() as jetstream:
                done = [await _try_again(service, database, jetstream, one) for one in wanted]
            return done.count(False)

        raise SystemExit(1 if on_database(service, replay) else 0)

    return app


@asynccontextmanager
async def _jetstream() -> AsyncIterator[JetStreamContext]:
    try:
        client = await nats.connect(
            **address_of(PlatformSettings.load().nats_url),
            allow_reconnect=False,
            # Without these the first connection is tried for two minutes.
            max_reconnect_attempts=1,
            reconnect_time_wait=TRY_AGAIN_SECONDS,
            connect_timeout=CONNECT_SECONDS_MAX,
            error_cb=_keep_quiet,
        )
    except (NatsError, OSError, TimeoutError):
        refuse("NATS does not answer: dead letters live there.")
    try:
        yield client.jetstream()
    finally:
        await client.close()


async def _keep_quiet(_error: Exception) -> None:
    """What fails is said by the command, in a sentence."""


async def _letters(name: str) -> list[Letter]:
    async with _jetstream() as jetstream:
        return [letter async for letter in read_letters(jetstream, name)]


async def _try_again(
    service: Service, database: Database, jetstream: JetStreamContext, letter: Letter
) -> bool:
    try:
        [subscription] = [s for s in service.subscriptions if s.name == letter.subscription]
        event_id, event = subscription.event.parse(letter.payload)
        is_new = await handle_once(database, subscription, event_id, event)
    except Exception as error:
        # Whatever a handler may fail with: the letter stays, and the next one has its turn.
        print(f"{letter.number}\tfails again\t{' '.join(repr(error).split())}")
        return False
    await remove_letter(jetstream, letter)
    print(f"{letter.number}\t{'handled' if is_new else 'was handled before'}")
    return True
