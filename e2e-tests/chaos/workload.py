"""What people want of the system meanwhile: runs carried to their end, and things deleted whole.

Each run works on a file of its own, uploaded for it, so that a run made twice, or never, shows.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness.people import People, Step

from chaos.clients import Client, Experience, Item, http_client
from chaos.timing import rest
from shared.hyperlinks import id_of

STEPS = 3
PEOPLE = 4
# Every so many runs somebody is deleted, with runs at work.
RUNS_PER_DELETION = 10
LOOK_SECONDS = 1.0
LOOK_SECONDS_MAX = 8.0
OVER = frozenset({"FINISHED", "FAILED", "CANCELED"})


@dataclass
class Owner:
    """Somebody with a pipeline."""

    client: Client
    pipeline: Item


@dataclass
class Outcome:
    """What was asked for, by the names of the files; what must be there at the end."""

    runs: dict[str, int] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    departed: list[int] = field(default_factory=list)
    experience: Experience = field(default_factory=Experience)


def file_name(number: int) -> str:
    return f"run-{number}.txt"


def content_after(name: str, steps: int) -> bytes:
    """What a run's file holds once so many of its jobs are done."""
    lines = [name, *(f"step {step}" for step in range(1, steps + 1))]
    return ("\n".join(lines) + "\n").encode()


class Workload:
    """`prepare` while all is well; `carry_out` in the storm."""

    def __init__(self, url: str, admin_token: str, ledger: Path, runs: int) -> None:
        self.outcome = Outcome()
        self._url = url
        self._admin_token = admin_token
        self._ledger = ledger
        self._runs = runs
        self._http = http_client(url)
        self._owners: list[Owner] = []
        self._doomed: list[Owner] = []

    def prepare(self) -> None:
        with People(self._url) as people:
            self._owners = [self._owner(people) for _ in range(PEOPLE)]
            doomed = range(0, self._runs, RUNS_PER_DELETION)
            self._doomed = [self._owner(people) for _ in doomed]

    def _owner(self, people: People) -> Owner:
        person = people.register("chaos")
        step = Step("tally", "Tally", {"ledger": str(self._ledger)})
        pipeline = person.builds_pipeline(*[step] * STEPS)
        return Owner(self._client(person.token), pipeline)

    def _client(self, token: str) -> Client:
        return Client(self._http, token, self.outcome.experience)

    async def carry_out(self, at_once: int) -> None:
        """Returns when every run has ended, and what was to go has been deleted."""
        waiting = iter(range(self._runs))
        async with self._http, asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(self._run_each(waiting))

    async def _run_each(self, numbers: Iterator[int]) -> None:
        for number in numbers:
            if number % RUNS_PER_DELETION == 0:
                await self._delete(self._doomed.pop(), number)
            owner = self._owners[number % PEOPLE]
            began = time.monotonic()
            run = await _start(owner, file_name(number))
            self.outcome.runs[file_name(number)] = run["id"]
            pause = LOOK_SECONDS
            while (await owner.client.get(run["url"]))["status"] not in OVER:
                await rest(pause)
                pause = min(pause + LOOK_SECONDS, LOOK_SECONDS_MAX)
            self.outcome.seconds.append(time.monotonic() - began)

    async def _delete(self, owner: Owner, number: int) -> None:
        """A run that may be at work, the pipeline of another or not, and then the person."""
        admin = self._client(self._admin_token)
        run, *_ = [await _start(owner, f"doomed-{number}-{n}.txt") for n in range(3)]
        await owner.client.delete(run["url"])
        if number // RUNS_PER_DELETION % 2:
            await owner.client.delete(owner.pipeline["url"])
        await admin.delete(owner.pipeline["owner"])
        self.outcome.departed.append(id_of(owner.pipeline["owner"]))


async def _start(owner: Owner, name: str) -> Item:
    blob = (name, content_after(name, 0))
    file = await owner.client.post("/api/v1/files/", files={"blob": blob})
    body = {"pipeline": owner.pipeline["url"], "files": [file["url"]]}
    return await owner.client.post("/api/v1/runs/", json=body)
