"""Support for this service's tests: its neighbours played, and its clients. Never in production.

The neighbours judge ownership by the forwarded token, as the real ones do; what files is asked to
hold is recorded.
"""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import jwt
from sqlalchemy import update
from sqlmodel import col

from services.runs.models import Job
from shared.clock import utc_now
from shared.db import Database
from shared.hyperlinks import id_of
from shared.testing.fixtures import HOST, Published
from shared.testing.peers import Peers
from shared.testing.tokens import Signer

LONG_AGO = timedelta(hours=1)
ALICE, BOB, ADMIN = 1, 2, 99
FILES = "http://files:8000"
MODULES = "http://modules:8000"
PIPELINES = "http://pipelines:8000"
COMMIT = "c" * 40
LINK_MISSING = "Invalid hyperlink - Object does not exist."


def url(resource: str, item_id: int) -> str:
    return f"{HOST}/api/v1/{resource}/{item_id}/"


@dataclass
class Neighbours:
    """Files, modules and pipelines as far as this service asks them."""

    peers: Peers
    files: dict[int, dict[str, Any]] = field(default_factory=dict)
    functions: dict[int, dict[str, Any]] = field(default_factory=dict)
    pipelines: dict[int, dict[str, Any]] = field(default_factory=dict)
    holds: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.peers.play("GET", f"{FILES}/internal/files/", self._describe)
        self.peers.play("POST", f"{FILES}/internal/references/", self._hold)
        self.peers.play("DELETE", f"{FILES}/internal/references/", self._let_go)
        self.peers.play("GET", f"{MODULES}/api/v1/functions/", self._list_functions)

    def add_file(
        self, name: str, *, owner: int = ALICE, kind: str = "INPUT", tags: str = "{}"
    ) -> int:
        file_id = len(self.files) + 1
        self.files[file_id] = {
            "id": file_id,
            "url": url("files", file_id),
            "name": name,
            "kind": kind,
            "owner_id": owner,
            "blob_url": f"{HOST}/media/files/link/{name}",
            "size": 1,
            "sha256": "0" * 64,
            "tags": tags,
            "date_uploaded": "2026-01-01T00:00:00.000000Z",
        }
        return file_id

    def add_function(
        self, name: str = "Greet", *, options: list[dict[str, Any]] | None = None, **changes: Any
    ) -> int:
        function_id = len(self.functions) + 1
        self.functions[function_id] = {
            "id": function_id,
            "name": name,
            "module": url("modules", 1),
            "module_name": "helloworld",
            "repo_url": "https://example.org/helloworld.git",
            "commit": COMMIT,
            "options": json.dumps(options or []),
            "expected_filetype": "txt",
            "optional_filetypes": "null",
            **changes,
        }
        return function_id

    def add_pipeline(
        self,
        *tasks: tuple[int | None, dict[str, Any]],
        owner: int = ALICE,
        enabled: bool = True,
    ) -> int:
        pipeline_id = len(self.pipelines) + 1
        self.pipelines[pipeline_id] = {
            "id": pipeline_id,
            "name": "p",
            "enabled": enabled,
            "owner": owner,
            "tasks": [
                {
                    "id": pipeline_id * 100 + number,
                    "function": None if function_id is None else url("functions", function_id),
                    "arguments": json.dumps(arguments),
                }
                for number, (function_id, arguments) in enumerate(tasks, start=1)
            ],
        }
        address = f"{PIPELINES}/api/v1/pipelines/{pipeline_id}/"
        self.peers.play("GET", address, self._read_pipeline)
        return pipeline_id

    def _describe(self, request: httpx.Request) -> httpx.Response:
        wanted = map(int, request.url.params["id"].split(","))
        found = [self.files[one] for one in sorted(set(wanted)) if one in self.files]
        return httpx.Response(200, json=[one for one in found if _may(request, one["owner_id"])])

    def _hold(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        for file_id in body["file_ids"]:
            fault = self._fault(body, file_id)
            if fault is not None:
                return httpx.Response(400, json={"files": [fault]})
        self.holds.append(body)
        return httpx.Response(200, json=[self.files[one] for one in body["file_ids"]])

    def _let_go(self, request: httpx.Request) -> httpx.Response:
        holder = request.url.params["holder"]
        self.holds = [hold for hold in self.holds if hold["holder"] != holder]
        return httpx.Response(204)

    def _fault(self, body: dict[str, Any], file_id: int) -> str | None:
        file = self.files.get(file_id)
        if file is None:
            return LINK_MISSING
        if file["owner_id"] != body["owner_id"]:
            return "Job owner does not own the output file"
        if body["role"] == "output" and file["kind"] != "OUTPUT":
            return "Output file is not 'OUTPUT' kind."
        if body["role"] == "input" and file["kind"] != "INPUT":
            return LINK_MISSING
        return None

    def _list_functions(self, request: httpx.Request) -> httpx.Response:
        wanted = map(int, request.url.params["id"].split(","))
        found = [self.functions[one] for one in wanted if one in self.functions]
        tag = f'"{hash(repr(found))}"'
        if request.headers.get("if-none-match") == tag:
            return httpx.Response(304)
        return httpx.Response(200, json=found, headers={"ETag": tag})

    def _read_pipeline(self, request: httpx.Request) -> httpx.Response:
        pipeline = self.pipelines[id_of(str(request.url.copy_with(query=None)))]
        if not _may(request, pipeline["owner"]):
            return httpx.Response(404, json={"detail": "Not found."})
        return httpx.Response(200, json=pipeline)


async def pass_time(database: Database) -> None:
    """As if the last heartbeat and the last announcement of every job were long ago."""
    then = utc_now() - LONG_AGO
    async with database.transaction() as session:
        for column in (col(Job.lease_expires_at), col(Job.announce_at)):
            await session.execute(update(Job).where(column.is_not(None)).values({column: then}))


async def offers(published: Published) -> list[int]:
    """The attempts that were offered, in order."""
    return [data["attempt"] for subject, data in await published() if "mlsploit.jobs" in subject]


def _may(request: httpx.Request, owner_id: int) -> bool:
    token = request.headers["authorization"].split()[1]
    claims = jwt.decode(token, options={"verify_signature": False})
    return bool(claims["staff"] or claims["sub"] == str(owner_id))


@dataclass
class Api:
    """The service's clients: people, an administrator with the old backend, and a worker."""

    client: httpx.AsyncClient
    signer: Signer
    neighbours: Neighbours

    def __post_init__(self) -> None:
        self.alice = self.signer.headers(ALICE)
        self.bob = self.signer.headers(BOB)
        self.admin = self.signer.headers(ADMIN, is_staff=True)
        self.worker = self.signer.headers(ADMIN, is_staff=True, scopes="jobs:execute")

    async def ask_for_run(
        self, pipeline_id: int, file_ids: list[int], *, by: dict[str, str] | None = None
    ) -> httpx.Response:
        body = {
            "pipeline": url("pipelines", pipeline_id),
            "files": [url("files", one) for one in file_ids],
        }
        return await self.client.post("/api/v1/runs/", json=body, headers=by or self.alice)

    async def start_run(self, *, jobs: int = 2, files: int = 1) -> dict[str, Any]:
        """A run of Alice's, on files of hers, with so many jobs."""
        function_id = self.neighbours.add_function()
        pipeline_id = self.neighbours.add_pipeline(*[(function_id, {})] * jobs)
        names = [f"{number}.txt" for number in range(files)]
        file_ids = [self.neighbours.add_file(name) for name in names]
        answer = await self.ask_for_run(pipeline_id, file_ids)
        assert answer.status_code == 201, answer.text
        run: dict[str, Any] = answer.json()
        return run

    async def read(self, address: str) -> dict[str, Any]:
        answer = await self.client.get(address, headers=self.admin)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def patch(
        self, job: str, changes: dict[str, Any], *, by: dict[str, str] | None = None
    ) -> httpx.Response:
        return await self.client.patch(job, json=changes, headers=by or self.admin)

    async def ask_for_claim(self, job: str) -> httpx.Response:
        return await self.client.post(f"{job}claim/", json={"worker": "w1"}, headers=self.worker)

    async def claim(self, job: str) -> dict[str, Any]:
        answer = await self.ask_for_claim(job)
        assert answer.status_code == 200, answer.text
        claim: dict[str, Any] = answer.json()
        return claim

    async def say(self, job: str, what: str, body: dict[str, Any]) -> httpx.Response:
        """What a worker sends under its lease: heartbeat, logs, release."""
        return await self.client.post(f"{job}{what}/", json=body, headers=self.worker)

    async def say_plainly(
        self, job: str, raw: bytes, *, lease: str | None = None, offset: int | str | None = None
    ) -> httpx.Response:
        """A piece of the log as plain text."""
        headers = self.worker | {"Content-Type": "text/plain"}
        if lease is not None:
            headers["X-Lease"] = lease
        params = {} if offset is None else {"offset": offset}
        return await self.client.post(f"{job}logs/", content=raw, params=params, headers=headers)

    async def add_webhook(self, target: str, **fields: Any) -> dict[str, Any]:
        """One of Alice's."""
        body = {"target": target, **fields}
        answer = await self.client.post("/api/v1/webhooks/", json=body, headers=self.alice)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def deliveries(self, webhook: dict[str, Any]) -> list[dict[str, Any]]:
        shown = await self.client.get(f"{webhook['url']}deliveries/", headers=self.alice)
        assert shown.status_code == 200, shown.text
        found: list[dict[str, Any]] = shown.json()
        return found

    async def report(self, job: str, changes: dict[str, Any]) -> httpx.Response:
        return await self.patch(job, changes, by=self.worker)
