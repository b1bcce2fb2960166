"""What a service gave up can be looked at and tried again, by an administrator."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import nats as nats_client
import pytest
from nats.js.errors import NotFoundError

import manage
from services.runs.main import build
from services.runs.settings import RunsSettings
from shared.clients.dead_letters import read_letters
from shared.events.users import UserDeleted
from shared.messaging import consumer
from shared.testing.eventually import eventually
from shared.testing.processes import NatsServer

DIGESTIBLE = UserDeleted(user_id=7).envelope().payload()


Manage = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Manage:
    async def run(folder: Path, nats_url: str, *arguments: str) -> tuple[int, str, str]:
        monkeypatch.setenv("MLSPLOIT_DATA_DIR", str(folder))
        monkeypatch.setenv("MLSPLOIT_NATS_URL", nats_url)
        code = await asyncio.to_thread(manage.run, arguments)
        return code, *capsys.readouterr()

    return run


@pytest.fixture
async def folder(
    tmp_path: Path,
    nats: NatsServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Path:
    """Of a runs service that gave up two events: one for good, one at the first trouble."""

    async def fail(*_arguments: object) -> bool:
        raise RuntimeError("trouble")

    app = build(RunsSettings(data_dir=tmp_path, nats_url=nats.url))
    client = await nats_client.connect(nats.url)
    jetstream = client.jetstream()

    async def are_buried() -> bool:
        try:
            return len([letter async for letter in read_letters(jetstream, "runs")]) == 2
        except NotFoundError:
            return False

    async with app.router.lifespan_context(app):
        with monkeypatch.context() as trouble:
            trouble.setattr(consumer, "DELIVERIES_MAX", 1)
            trouble.setattr(consumer, "handle_once", fail)
            await app.state.broker.ready.wait()
            for payload in (b"nonsense", DIGESTIBLE):
                await jetstream.publish(UserDeleted.subject(), payload)
            await eventually(are_buried)
    await client.close()
    capsys.readouterr()
    return tmp_path


async def test_letters_are_listed_and_those_that_can_be_handled_now_are_taken_off(
    folder: Path, nats: NatsServer, ask: Manage
) -> None:
    code, listed, _ = await ask(folder, nats.url, "deadletters")
    [nonsense, trouble] = listed.splitlines()
    assert code == 0
    assert nonsense.startswith("1\truns-delete-runs-of-user\t1 tries\tmlsploit.events.users.user")
    assert "cannot be parsed" in nonsense
    assert "RuntimeError('trouble')" in trouble

    code, replayed, _ = await ask(folder, nats.url, "replaydead", "runs")
    [fails, handled] = replayed.splitlines()
    assert code == 1
    assert fails.startswith("1\tfails again\t")
    assert handled == "2\thandled"

    assert (await ask(folder, nats.url, "deadletters", "runs"))[1].splitlines() == [nonsense]
    assert (await ask(folder, nats.url, "deadletters", "files"))[1] == ""


async def test_a_single_letter_is_tried_again_by_its_number(
    folder: Path, nats: NatsServer, ask: Manage
) -> None:
    assert await ask(folder, nats.url, "replaydead", "runs", "-n", "2") == (0, "2\thandled\n", "")

    gone = await ask(folder, nats.url, "replaydead", "runs", "-n", "2")
    assert gone == (1, "", "runs has no dead letter 2.\n")


@pytest.mark.timeout(60)
async def test_without_nats_it_says_so(tmp_path: Path, ask: Manage) -> None:
    said = await ask(tmp_path, "nats://127.0.0.1:1", "deadletters", "runs")

    assert said == (1, "", "NATS does not answer: dead letters live there.\n")
