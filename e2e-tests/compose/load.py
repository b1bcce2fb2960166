"""Clients that never stop asking, and remember every answer: what a restart must not disturb."""

import threading
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import httpx
from harness.people import Person

CLIENTS = 4
TIMEOUT_SECONDS = 30.0


@dataclass
class Tally:
    """What was answered, and what was made; appended to by many threads."""

    statuses: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    pipelines: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


class Load:
    """Reads and writes through every service until the block ends."""

    def __init__(self, person: Person, url: str) -> None:
        self.tally = Tally()
        self._stop = threading.Event()
        headers = {"Authorization": f"Token {person.token}"}
        self._threads = [
            threading.Thread(target=self._go_on, args=(number, url, headers))
            for number in range(CLIENTS)
        ]

    def _go_on(self, number: int, url: str, headers: dict[str, str]) -> None:
        with httpx.Client(base_url=url, headers=headers, timeout=TIMEOUT_SECONDS) as client:
            round_number = 0
            while not self._stop.is_set():
                self._round(client, f"{number}-{round_number}")
                round_number += 1

    def _round(self, client: httpx.Client, name: str) -> None:
        self._ask(client, "GET", "/auth/user/")
        self._ask(client, "GET", "/api/v1/users/")
        self._ask(client, "GET", "/api/v1/modules/")
        self._ask(client, "GET", "/api/v1/runs/")
        self._ask(client, "GET", "/")
        upload = {"blob": (f"{name}.txt", name.encode())}
        if made := self._ask(client, "POST", "/api/v1/files/", files=upload):
            self.tally.files.append(made["url"])
        if made := self._ask(client, "POST", "/api/v1/pipelines/", json={"name": name}):
            self.tally.pipelines.append(made["url"])

    def _ask(self, client: httpx.Client, method: str, path: str, **body: object) -> dict[str, str]:
        """The object that was made; empty for reads and for failures."""
        try:
            answer = client.request(method, path, **body)  # type: ignore[arg-type]  # httpx judges
        except httpx.HTTPError as error:
            self.tally.failures.append(f"{method} {path}: {error!r}")
            return {}
        self.tally.statuses[f"{answer.status_code}"] += 1
        if answer.status_code >= 400:
            self.tally.failures.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}")
            return {}
        made: dict[str, str] = answer.json() if method == "POST" else {}
        return made

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
