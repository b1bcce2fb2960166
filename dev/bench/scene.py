"""What is in a system while it is measured: one user with much, who reads, and one who writes."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from dev.bench.wire import Answer, multipart, request, send_all

FILES = 300
PIPELINES = 100
RUNS_PER_PIPELINE = 3
CONNECTIONS = 4
MODULE, FUNCTION = "helloworld", "Greet"

Item = dict[str, Any]


@dataclass(frozen=True)
class Person:
    """Somebody signed in, and what is theirs."""

    url: str
    token: str

    @classmethod
    def register(cls, url: str) -> "Person":
        password = secrets.token_urlsafe(16)
        account = {"username": f"bench-{secrets.token_hex(6)}", "password1": password}
        body = account | {"password2": password}
        answer = httpx.post(f"{url}/auth/registration/", json=body, trust_env=False)
        return cls(url, str(answer.raise_for_status().json()["token"]))

    def get(self, path: str, **headers: str) -> bytes:
        return request("GET", path, self.token, headers=headers)

    def send(self, method: str, path: str, body: Item) -> bytes:
        return request(method, path, self.token, json.dumps(body).encode())

    def upload(self, name: str, content: bytes) -> bytes:
        kind, body = multipart(name, content)
        return request("POST", "/api/v1/files/", self.token, body, kind=kind)

    async def reads(self, path: str) -> Any:
        [answer] = await made(self.url, [self.get(path)])
        return json.loads(answer.body)


@dataclass(frozen=True)
class Scene:
    reader: Person
    writer: Person
    file: Item
    run: Item
    job: Item
    # The writer's own.
    pipeline: Item
    input: Item

    def new_runs(self) -> Iterator[bytes]:
        body = {"pipeline": self.pipeline["url"], "files": [self.input["url"]]}
        while True:
            yield self.writer.send("POST", "/api/v1/runs/", body)

    def uploads(self, size: int) -> Iterator[bytes]:
        content = secrets.token_bytes(size)
        while True:
            yield self.writer.upload("bench.bin", content)


async def furnish(url: str) -> Scene:
    """Two people; the one who reads has 300 files, 100 pipelines, 300 runs and 600 jobs."""
    reader, writer = Person.register(url), Person.register(url)
    await made(url, [reader.upload(f"{n}.txt", b"x" * 1000) for n in range(FILES)])
    files = await reader.reads("/api/v1/files/")
    pipelines = await pipelines_of(reader, PIPELINES)
    bodies = [
        {"pipeline": pipeline["url"], "files": [files[n % FILES]["url"]]}
        for n, pipeline in enumerate(pipelines * RUNS_PER_PIPELINE)
    ]
    await made(url, [reader.send("POST", "/api/v1/runs/", body) for body in bodies])
    [pipeline] = await pipelines_of(writer, 1)
    [answer] = await made(url, [writer.upload("ada.txt", b"Ada")])
    return Scene(
        reader=reader,
        writer=writer,
        file=files[FILES // 2],
        run=(await reader.reads("/api/v1/runs/"))[PIPELINES],
        job=(await reader.reads("/api/v1/jobs/"))[PIPELINES],
        pipeline=pipeline,
        input=json.loads(answer.body),
    )


async def pipelines_of(person: Person, count: int) -> list[Item]:
    """So many, each of two tasks."""
    bodies = [{"name": f"bench {n}", "enabled": True} for n in range(count)]
    raws = [person.send("POST", "/api/v1/pipelines/", body) for body in bodies]
    pipelines: list[Item] = [json.loads(each.body) for each in await made(person.url, raws)]
    functions = await person.reads("/api/v1/functions/")
    function = next(each["url"] for each in functions if each["name"] == FUNCTION)
    task = {"function": function, "arguments": "{}"}
    tasks = [task | {"pipeline": pipeline["url"]} for pipeline in pipelines for _ in range(2)]
    await made(person.url, [person.send("POST", "/api/v1/tasks/", task) for task in tasks])
    return pipelines


async def made(url: str, raws: list[bytes]) -> list[Answer]:
    """The answers to all of these, none of which is a refusal."""
    answers = await send_all(url, raws, CONNECTIONS)
    for answer in answers:
        if answer.status >= 400:
            raise RuntimeError(f"refused: {answer.status} {answer.body.decode()}")
    return answers
