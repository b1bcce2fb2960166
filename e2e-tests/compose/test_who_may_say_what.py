"""On NATS each process says and hears what is its own, and nothing else."""

import asyncio
from contextlib import suppress

import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError

from compose.project import ComposeProject
from compose.records import nats_url
from shared.messaging.broker import address_of

ANSWER_SECONDS_MAX = 5
pytestmark = pytest.mark.timeout(1500)


@pytest.mark.parametrize(
    ("who", "subject"),
    [
        ("execution", "mlsploit.events.users.user.deleted"),
        ("execution", "mlsploit.jobs.digits"),
        ("runs", "mlsploit.events.users.user.deleted"),
        ("files", "mlsploit.jobs.digits"),
        ("modules", "$KV.mlsploit_revocations.token.x"),
        ("execution", "$JS.API.STREAM.DELETE.MLSPLOIT_EVENTS"),
        ("runs", "$JS.API.STREAM.PURGE.MLSPLOIT_EVENTS"),
        ("users", "$JS.API.STREAM.UPDATE.MLSPLOIT_EVENTS"),
        ("operator", "mlsploit.events.users.user.deleted"),
    ],
)
def test_what_is_anothers_to_say_is_refused(
    who: str, subject: str, project: ComposeProject
) -> None:
    refusals = asyncio.run(refusals_of(nats_url(project, who), subject))

    assert any("permissions violation for publish" in refusal.lower() for refusal in refusals)


def test_nobody_reads_the_answers_meant_for_another(project: ComposeProject) -> None:
    refusals = asyncio.run(refusals_of(nats_url(project, "execution"), hear="_INBOX_users.>"))

    assert any("permissions violation for subscription" in refusal.lower() for refusal in refusals)


def test_a_stranger_is_not_let_in(project: ComposeProject) -> None:
    stranger = nats_url(project, "users").replace("users:", "users:x")

    with pytest.raises(NatsError, match=r"(?i)authorization"):
        asyncio.run(refusals_of(stranger, "mlsploit.tokens.used"))


async def refusals_of(url: str, say: str = "", *, hear: str = "") -> list[str]:
    """What NATS objects to; the client hears of it in its own time."""
    refusals: list[str] = []
    refused = asyncio.Event()

    async def note(error: Exception) -> None:
        refusals.append(str(error))
        refused.set()

    client = Client()
    try:
        await client.connect(
            **address_of(url),
            allow_reconnect=False,
            connect_timeout=ANSWER_SECONDS_MAX,
            error_cb=note,
        )
        if say:
            await client.publish(say, b"{}")
        if hear:
            await client.subscribe(hear)
        await client.flush(timeout=ANSWER_SECONDS_MAX)
        with suppress(TimeoutError):
            await asyncio.wait_for(refused.wait(), ANSWER_SECONDS_MAX)
        return refusals
    finally:
        await client.close()
