"""`manage.py spreadstreams` and `takestreams`: what one server of NATS keeps, three keep."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import pytest
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from deploy.streams.api import NAMES
from dev.environment import ROOT
from shared.events.streams import EVENTS_STREAM
from shared.messaging.broker import Broker, address_of
from shared.testing.eventually import eventually
from shared.testing.processes import NatsServer
from shared.tests.nats_cluster import SERVERS, NatsCluster, nats_cluster

SUBJECT = "mlsploit.events.runs.run.created"
DURABLE = "runs-something"
LONG = 60.0


@pytest.fixture
def accounts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Options of a server with the accounts of deploy/nats/nats.conf; everybody's password is x."""
    conf = (ROOT / "deploy" / "nats" / "nats.conf").read_text()
    for name in re.findall(r"\$(MLSPLOIT_NATS_\w+_PASSWORD)", conf):
        monkeypatch.setenv(name, "x")
    # Port and folder are each server's own.
    (tmp_path / "nats.conf").write_text(conf[conf.index("authorization") :])
    return ("--config", str(tmp_path / "nats.conf"))


@pytest.fixture
async def lone(tmp_path: Path, accounts: tuple[str, ...]) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path / "lone", options=accounts)
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
async def cluster(tmp_path: Path, accounts: tuple[str, ...]) -> AsyncIterator[NatsCluster]:
    async with nats_cluster(tmp_path / "cluster", *accounts) as running:
        yield running


async def test_the_streams_of_a_cluster_are_spread_over_all_its_servers(
    cluster: NatsCluster,
) -> None:
    await make_streams(cluster.url)
    await say(cluster.url, "first", "second")

    code, said = await manage("spreadstreams", nats=as_("operator", cluster.url))

    assert code == 0, said
    assert said.count(f"kept {SERVERS} times, was kept 1 times\n") == len(NAMES)
    assert [await copies(cluster.url, name) for name in NAMES] == [SERVERS] * len(NAMES)
    await next(iter(cluster.servers.values())).kill()
    assert await eventually_hears(cluster.url) == ["first", "second"]


async def test_no_process_of_the_system_may_change_a_stream(cluster: NatsCluster) -> None:
    await make_streams(cluster.url)

    code, said = await manage("spreadstreams", nats=as_("runs", cluster.url))

    assert (code, said) == (
        1,
        f"This name may not use $JS.API.STREAM.UPDATE.{NAMES[0]}: "
        "put the operator's into MLSPLOIT_NATS_URL.\n",
    )
    assert await copies(cluster.url, NAMES[0]) == 1


async def test_the_streams_of_a_lone_server_go_into_a_cluster_with_what_was_heard(
    lone: NatsServer, cluster: NatsCluster
) -> None:
    await make_streams(lone.url)
    await say(lone.url, "first", "second")
    assert await hear(lone.url, 1) == ["first"]
    words = ("takestreams", as_("operator", lone.url))

    code, said = await manage(*words, nats=as_("operator", cluster.url))
    again, _ = await manage(*words, nats=as_("operator", cluster.url))

    assert (code, again) == (0, 0), said
    assert [await copies(cluster.url, name) for name in NAMES] == [SERVERS] * len(NAMES)
    assert await eventually_hears(cluster.url) == ["second"]
    await say(lone.url, "too late")
    code, said = await manage(*words, nats=as_("operator", cluster.url))
    assert (code, f"{EVENTS_STREAM} is there already, and is another" in said) == (1, True)


async def manage(*words: str, nats: str) -> tuple[int | None, str]:
    settings = {"MLSPLOIT_NATS_URL": nats, "MLSPLOIT_NATS_REPLICAS": str(SERVERS)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "manage.py", *words),
        cwd=ROOT,
        env=os.environ | settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


def as_(name: str, url: str) -> str:
    return url.replace("nats://", f"nats://{name}:x@")


@asynccontextmanager
async def jetstream(url: str) -> AsyncIterator[JetStreamContext]:
    """In the name of runs, which tells of runs and hears of everything."""
    client = await nats.connect(**address_of(as_("runs", url)))
    try:
        yield client.jetstream()
    finally:
        await client.close()


async def make_streams(url: str) -> None:
    """As the first service does, with one copy of each."""
    broker = Broker(as_("runs", url), "runs")
    await asyncio.wait_for(broker.connect(), LONG)
    await broker.close()


async def say(url: str, *words: str) -> None:
    async with jetstream(url) as stream:
        for word in words:
            await stream.publish(SUBJECT, word.encode())


async def hear(url: str, count: int) -> list[str]:
    async with jetstream(url) as stream:
        subscription = await stream.pull_subscribe(SUBJECT, DURABLE, EVENTS_STREAM)
        messages = await subscription.fetch(count, timeout=5)
        for message in messages:
            await message.ack_sync()
        return [message.data.decode() for message in messages]


async def eventually_hears(url: str) -> list[str]:
    """A cluster looks for a leader first."""
    heard: list[str] = []

    async def something() -> bool:
        try:
            heard.extend(await hear(url, 2))
        except (TimeoutError, nats.errors.Error, NotFoundError):
            return False
        return True

    await eventually(something, within=LONG)
    return heard


async def copies(url: str, name: str) -> int | None:
    async with jetstream(url) as stream:
        return (await stream.stream_info(name)).config.num_replicas
