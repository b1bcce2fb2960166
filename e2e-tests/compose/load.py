"""Clients that never stop asking, and remember every answer: what a restart must not disturb.

Each round makes a user's whole road: a file, a pipeline with a task, a run; every other run is
deleted, and every third pipeline, with its runs.
"""

import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx
from harness.people import Person
from harness.quiet import PROBE

CLIENTS = 3
# Between two requests of a client: load that is there all the time, and leaves room for restarts.
PACE_SECONDS = 0.05
TIMEOUT_SECONDS = 30.0
# Not /healthz: that it says 503 while a part is slow is its answer, and no failure.
READS = ("/auth/user/", "/api/v1/users/", "/api/v1/modules/", "/api/v1/jobs/", "/")

Item = dict[str, Any]


@dataclass
class Tally:
    """What was answered, made and deleted; appended to by many threads."""

    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    pipelines: list[int] = field(default_factory=list)
    runs: list[int] = field(default_factory=list)
    deleted_pipelines: list[int] = field(default_factory=list)
    deleted_runs: list[int] = field(default_factory=list)
    seconds: float = 0.0

    def __str__(self) -> str:
        return (
            f"{self.statuses.total()} requests in {self.seconds:.0f} s, "
            f"{len(self.failures)} failed; {len(self.runs)} runs made"
        )


class Load:
    """Reads and writes through every service until the block ends."""

    def __init__(self, person: Person, url: str) -> None:
        self.tally = Tally()
        self._url = url
        self._headers = {"Authorization": f"Token {person.token}"}
        self._function = person.finds_function(PROBE.name, "ProbePlain")["url"]
        self._stop = threading.Event()
        self._began = time.monotonic()
        self._threads = [
            threading.Thread(target=self._go_on, args=(number,)) for number in range(CLIENTS)
        ]

    def _go_on(self, client: int) -> None:
        with httpx.Client(
            base_url=self._url, headers=self._headers, timeout=TIMEOUT_SECONDS, trust_env=False
        ) as http:
            number = 0
            while not self._stop.is_set():
                self._round(http, f"{self._began:.0f}-{client}-{number}", number)
                number += 1

    def _round(self, http: httpx.Client, name: str, number: int) -> None:
        for path in READS:
            self._ask(http, "GET", path)
        upload = {"blob": (f"{name}.txt", name.encode())}
        file = self._makes(http, self.tally.files, "/api/v1/files/", files=upload)
        body: Item = {"name": name}
        pipeline = self._makes(http, self.tally.pipelines, "/api/v1/pipelines/", json=body)
        if not file or not pipeline:
            return
        task = {"pipeline": pipeline["url"], "function": self._function, "arguments": "{}"}
        self._ask(http, "POST", "/api/v1/tasks/", json=task)
        self._ask(http, "PATCH", pipeline["url"], json={"enabled": True})
        body = {"pipeline": pipeline["url"], "files": [file["url"]]}
        run = self._makes(http, self.tally.runs, "/api/v1/runs/", json=body)
        if number % 3 == 0:
            self._deletes(http, self.tally.deleted_pipelines, pipeline)
        elif number % 2 and run:
            self._deletes(http, self.tally.deleted_runs, run)

    def _makes(self, http: httpx.Client, made: list[int], path: str, **body: Any) -> Item:
        answer = self._ask(http, "POST", path, **body)
        item: Item = answer.json() if answer else {}
        if item:
            made.append(item["id"])
        return item

    def _deletes(self, http: httpx.Client, deleted: list[int], item: Item) -> None:
        if self._ask(http, "DELETE", item["url"]):
            deleted.append(item["id"])

    def _ask(
        self, http: httpx.Client, method: str, path: str, **body: Any
    ) -> httpx.Response | None:
        """None for a failure, which is remembered."""
        self._stop.wait(PACE_SECONDS)
        try:
            answer = http.request(method, path, **body)
        except httpx.HTTPError as error:
            self.tally.statuses[0] += 1
            self.tally.failures.append(f"{method} {path}: {error!r}")
            return None
        self.tally.statuses[answer.status_code] += 1
        if answer.status_code >= httpx.codes.BAD_REQUEST:
            self.tally.failures.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
            return None
        return answer

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self.tally.seconds = time.monotonic() - self._began
