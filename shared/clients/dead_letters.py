"""What others may read of the stream of dead letters, and how one is taken off it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from shared.events.dead_letters import DeadLetterHeaders, dead_letters_subject
from shared.events.streams import DEAD_LETTERS_STREAM


@dataclass(frozen=True)
class Letter:
    number: int
    subscription: str
    about: DeadLetterHeaders
    payload: bytes


async def read_letters(jetstream: JetStreamContext, service: str) -> AsyncIterator[Letter]:
    """The letters of a service, oldest first."""
    number, subject = 0, dead_letters_subject(service, "*")
    while True:
        try:
            found = await jetstream.get_msg(
                DEAD_LETTERS_STREAM, seq=number + 1, subject=subject, next=True
            )
        except NotFoundError:
            return
        number = found.seq or 0
        subscription = (found.subject or "").rpartition(".")[2]
        about = DeadLetterHeaders.of(found.headers)
        yield Letter(number, subscription, about, found.data or b"")


async def remove_letter(jetstream: JetStreamContext, letter: Letter) -> None:
    await jetstream.delete_msg(DEAD_LETTERS_STREAM, letter.number)
