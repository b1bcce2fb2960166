from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

import nats as nats_client
import pytest
from fastapi import FastAPI
from nats.js.errors import NotFoundError

from services.runs import renewal
from services.runs.main import build
from services.runs.settings import RunsSettings
from services.runs.testing import Api
from shared.db import Database
from shared.events.runs import JobReady
from shared.events.streams import JOBS_STREAM
from shared.hyperlinks import id_of
from shared.messaging.broker import Broker
from shared.testing.eventually import eventually
from shared.testing.peers import Peers
from shared.testing.processes import NatsServer

# Nobody waits for that in a test.
ANNOUNCE_AGAIN_SECONDS = 3600


@pytest.fixture
def build_service(database_url: str, nats: NatsServer) -> Callable[[Path, Peers], FastAPI]:
    def build_runs(folder: Path, peers: Peers) -> FastAPI:
        settings = RunsSettings(
            data_dir=folder,
            nats_url=nats.url,
            database_url=database_url,
            announce_again_seconds=ANNOUNCE_AGAIN_SECONDS,
            sweep_seconds=0.1,
        )
        return build(settings, transport=peers)

    return build_runs


async def on_offer(nats: NatsServer) -> set[int]:
    """The jobs that backends may take."""
    client = await nats_client.connect(nats.url)
    try:
        jetstream = client.jetstream()
        last = (await jetstream.stream_info(JOBS_STREAM)).state.last_seq
        messages = [await jetstream.get_msg(JOBS_STREAM, number + 1) for number in range(last)]
        return {JobReady.parse(message.data or b"")[1].job_id for message in messages}
    except NotFoundError:
        return set()
    finally:
        await client.close()


async def are_on_offer(nats: NatsServer, jobs: set[int]) -> bool:
    return await on_offer(nats) == jobs


async def test_what_was_on_offer_is_on_offer_again_at_once(api: Api, nats: NatsServer) -> None:
    first, *others = [(await api.start_run())["jobs"][0] for _ in range(4)]
    ready = {id_of(job) for job in others}
    await eventually(partial(are_on_offer, nats, {id_of(first), *ready}))
    await api.claim(first)

    await nats.kill()
    nats.wipe()
    await nats.start()

    await eventually(partial(are_on_offer, nats, ready))


async def test_nats_is_asked_what_it_has_forgotten_only_while_something_is_on_offer(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[bool] = []
    asked: list[bool] = []
    look, ask = renewal._is_anything_offered, renewal._made_at

    async def noted_look(database: Database) -> bool:
        looks.append(await look(database))
        return looks[-1]

    async def noted_ask(broker: Broker) -> datetime | None:
        asked.append(True)
        return await ask(broker)

    async def has_looked(times: int) -> bool:
        return len(looks) >= times

    monkeypatch.setattr(renewal, "_is_anything_offered", noted_look)
    monkeypatch.setattr(renewal, "_made_at", noted_ask)
    # It is asked once at the start.
    await eventually(partial(has_looked, 1))
    asked.clear()
    await eventually(partial(has_looked, 4))
    assert not asked

    await api.start_run()

    async def is_asked() -> bool:
        return bool(asked)

    await eventually(is_asked)
