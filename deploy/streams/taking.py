"""Streams out of one NATS into another, with their numbers and with how far each consumer is.

A lone server's streams cannot become a cluster's by a change of its settings: a server that joins a
cluster throws away what the cluster does not know. So they are taken over, as JetStream's own
snapshots, while nobody writes to them.
"""

from typing import Any

from nats.errors import Error as NatsError

from deploy.streams.api import ANSWER_SECONDS_MAX, NAMES, Answer, Streams, streams_at
from deploy.streams.spreading import wait_until_kept
from shared.commands import refuse

CHUNK_BYTES = 128 * 1024
# What two copies of one stream have in common; of an empty one, where it begins differs.
EXTENT = ("messages", "last_seq")


async def take(source_url: str, url: str, copies: int) -> None:
    async with streams_at(source_url) as source, streams_at(url) as target:
        for name in NAMES:
            print(f"{name}\t{await _take(source, target, name, copies)}", flush=True)


async def _take(source: Streams, target: Streams, name: str, copies: int) -> str:
    found, there = await source.find(name), await target.find(name)
    if found is None:
        return "is not there"
    if there is not None:
        if _extent(there) != _extent(found):
            refuse(f"{name} is there already, and is another: remove it there, if it is nobody's.")
        return "is there already, and the same"
    copied = await _copy(source, target, name, copies)
    now = await source.find(name)
    if now is None or _extent(now) != copied:
        refuse(
            f"Somebody wrote to {name} meanwhile: stop all services, and begin with an empty NATS."
        )
    await wait_until_kept(target, name, copies)
    return f"{copied['messages']} messages, on {copies} servers"


async def _copy(source: Streams, target: Streams, name: str, copies: int) -> dict[str, Any]:
    inbox = source.client.new_inbox()
    chunks = await source.client.subscribe(inbox)
    said = await source.ask(
        f"SNAPSHOT.{name}", {"deliver_subject": inbox, "chunk_size": CHUNK_BYTES}
    )
    config = said["config"] | {"num_replicas": copies}
    wanted = await target.ask(f"RESTORE.{name}", {"config": config, "state": said["state"]})
    while True:
        try:
            chunk = await chunks.next_msg(timeout=ANSWER_SECONDS_MAX)
        except (NatsError, TimeoutError):
            source.give_up(f"the content of {name}")
        # An empty one is the end, and makes the stream of what came before.
        await target.send(wanted["deliver_subject"], chunk.data)
        if not chunk.data:
            return _extent(said)
        if chunk.reply:
            await chunk.respond(b"")


def _extent(stream: Answer) -> dict[str, Any]:
    return {key: stream["state"].get(key, 0) for key in EXTENT}
