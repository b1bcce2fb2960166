"""Users of a system, as typed drivers over its public API.

Invariant: a driver fails at once, with the whole answer, when the system refuses what it asks;
tests that want a refusal use `Person.asks`.
"""

import json
import secrets
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from dev.waiting import eventually

REQUEST_SECONDS_MAX = 30.0
RUN_SECONDS_MAX = 120.0
BROKEN_OFF = {"FAILED", "CANCELED"}

Item = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """One task of a pipeline: a module's function and its arguments."""

    module: str
    function: str
    arguments: Mapping[str, object]


def step(module: str, function: str, **arguments: object) -> Step:
    return Step(module, function, arguments)


class People:
    """Everybody who uses the system at one address."""

    def __init__(self, url: str, *, trust: ssl.SSLContext | bool = True) -> None:
        self.http = httpx.Client(
            base_url=url, timeout=REQUEST_SECONDS_MAX, trust_env=False, verify=trust
        )

    def register(self, name: str) -> "Person":
        """Sign up under a name that nobody else has."""
        username = f"{name}-{secrets.token_hex(6)}"
        password = secrets.token_urlsafe(16)
        body = {"username": username, "password1": password, "password2": password}
        answer = self.http.post("/auth/registration/", json=body)
        return Person(self.http, username, password, accepted(answer)["token"])

    def with_token(self, name: str, token: str) -> "Person":
        return Person(self.http, name, "", token)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.http.close()


@dataclass(frozen=True)
class Person:
    """One user with a token."""

    http: httpx.Client
    username: str
    password: str
    token: str

    def asks(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Any request in this person's name, whatever the answer."""
        headers = {"Authorization": f"Token {self.token}"} | options.pop("headers", {})
        return self.http.request(method, path, headers=headers, **options)

    def gets(self, path: str, **options: Any) -> Any:
        return accepted(self.asks("GET", path, **options))

    def uploads(self, name: str, content: bytes, **fields: str) -> Item:
        answer = self.asks("POST", "/api/v1/files/", files={"blob": (name, content)}, data=fields)
        file: Item = accepted(answer)
        return file

    def downloads(self, file: Item | str) -> bytes:
        """The content behind a file, fetched as a browser does: with no header at all."""
        item = self.gets(file) if isinstance(file, str) else file
        answer = self.http.get(item["blob_url"])
        assert answer.status_code == 200, answer.text
        return answer.content

    def finds_function(self, module: str, function: str) -> Item:
        offered = {item["name"]: item for item in self.gets("/api/v1/modules/")}
        functions = {item["name"]: item for item in offered[module]["functions"]}
        found: Item = functions[function]
        return found

    def builds_pipeline(self, *steps: Step, name: str = "a pipeline", enabled: bool = True) -> Item:
        pipeline: Item = accepted(self.asks("POST", "/api/v1/pipelines/", json={"name": name}))
        for each in steps:
            body = {
                "pipeline": pipeline["url"],
                "function": self.finds_function(each.module, each.function)["url"],
                "arguments": json.dumps(each.arguments),
            }
            accepted(self.asks("POST", "/api/v1/tasks/", json=body))
        built: Item = accepted(self.asks("PATCH", pipeline["url"], json={"enabled": enabled}))
        return built

    def runs(self, pipeline: Item, files: Sequence[Item]) -> Item:
        body = {"pipeline": pipeline["url"], "files": [file["url"] for file in files]}
        run: Item = accepted(self.asks("POST", "/api/v1/runs/", json=body))
        return run

    def sees_jobs(self, run: Item) -> list[Item]:
        jobs: list[Item] = self.gets("/api/v1/jobs/", params={"run": run["id"]})
        return jobs

    def waits_for(self, run: Item, *, seconds_max: float = RUN_SECONDS_MAX) -> list[Item]:
        """The jobs of a run that is over: all are done, or one has failed."""

        def jobs_when_over() -> list[Item]:
            jobs = self.sees_jobs(run)
            states = [job["status"] for job in jobs]
            is_over = set(states) == {"FINISHED"} or not set(states).isdisjoint(BROKEN_OFF)
            return jobs if is_over else []

        return eventually(jobs_when_over, f"run {run['id']} is over", seconds_max=seconds_max)


def accepted(answer: httpx.Response) -> Any:
    """The body of an answer that is no refusal."""
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {_words(answer)}"
    return answer.json()


def _words(answer: httpx.Response) -> str:
    return f"{answer.status_code} {answer.text[:2000]}"
