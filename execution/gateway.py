"""The worker's side of the HTTP API: every answer is a value, a refusal, or trouble to wait out.

What has been begun is asked again until the gateway gives a definitive answer, with growing pauses
and for ever: the lease, not patience, says when a job is no longer ours.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import httpx
import structlog

from execution.claims import Claim, InputFile, ModuleVersion, Presence
from execution.failures import GatewayRefusal, GatewayTrouble, JobFailed, LeaseLost
from execution.outputs import Tags
from execution.workspace import Workspace
from shared.tracing import REQUEST_ID

FIRST_PAUSE_SECONDS = 0.2
PAUSE_SECONDS_MAX = 15.0
DOWNLOADS_MAX = 3
DETAIL_CHARACTERS_MAX = 500
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
# Busy, restarting, or not in a state to judge: none of these is an answer.
TROUBLE = frozenset({408, 425, 429, 500, 502, 503, 504})
NO_LONGER_OURS = frozenset({401, 403, 404, 409})

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Gateway:
    def __init__(
        self, url: str, token: str, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        headers = {"Authorization": f"Token {token}"}
        self._api = httpx.AsyncClient(
            base_url=url,
            headers=headers,
            timeout=TIMEOUT,
            transport=transport,
            event_hooks={"request": [_name_request]},
        )
        # Media links carry their own permission: the token is shown to the API alone.
        self._media = httpx.AsyncClient(timeout=TIMEOUT, transport=transport, follow_redirects=True)

    @property
    def clients(self) -> tuple[httpx.AsyncClient, httpx.AsyncClient]:
        return self._api, self._media

    async def close(self) -> None:
        await self._api.aclose()
        await self._media.aclose()

    async def list_modules(self) -> list[ModuleVersion]:
        modules = (await self._ask("GET", "/api/v1/modules/")).json()
        return [ModuleVersion.model_validate(module) for module in modules]

    async def register(self, name: str, modules: list[str], jobs: int) -> float:
        """For how many seconds this worker counts as present from now on."""
        body = {"name": name, "modules": modules, "jobs": jobs}
        answer = await self._ask("POST", "/api/v1/backends/", json=body)
        return Presence.model_validate_json(answer.content).seconds

    async def claim(self, job_id: int, worker: str) -> Claim:
        answer = await self._ask("POST", f"/api/v1/jobs/{job_id}/claim/", json={"worker": worker})
        return Claim.model_validate_json(answer.content)

    async def heartbeat(self, claim: Claim) -> None:
        await self._report(claim, "heartbeat", {})

    async def append_log(self, claim: Claim, offset: int, piece: bytes) -> bool:
        """Says whether the log takes no more. Plain text: half the size of JSON at worst."""
        headers = {"Content-Type": "text/plain; charset=utf-8", "X-Lease": claim.lease.token}
        answer = await persist(
            lambda: self._ask_under_lease(
                claim, "logs", params={"offset": offset}, content=piece, headers=headers
            )
        )
        return bool(answer.json()["full"])

    async def release(self, claim: Claim, reason: str) -> None:
        await self._report(claim, "release", {"reason": reason})

    async def finish(self, claim: Claim, body: dict[str, Any]) -> None:
        await persist(lambda: self._report(claim, "", body, method="PATCH"))

    async def upload(self, claim: Claim, path: Path, tags: Tags, parent_url: str | None) -> str:
        """The url of the stored file."""
        fields = {"owner": claim.owner, "kind": "OUTPUT", "tags": json.dumps(tags)}
        if parent_url is not None:
            fields["parent_file"] = parent_url

        async def send() -> httpx.Response:
            with path.open("rb") as blob:
                return await self._ask(
                    "POST",
                    "/api/v1/files/",
                    data=fields,
                    files={"blob": (path.name, blob)},
                    # An upload whose answer was lost is not stored twice.
                    headers={"Idempotency-Key": _key_of(claim, path)},
                )

        try:
            url: str = (await persist(send)).json()["url"]
        except GatewayRefusal as refusal:
            if refusal.status == httpx.codes.UNAUTHORIZED:
                raise LeaseLost(str(refusal)) from refusal
            raise JobFailed(f"{path.name} was not accepted: {refusal.detail}") from refusal
        return url

    async def download(self, file: InputFile, workspace: Workspace) -> None:
        for _ in range(DOWNLOADS_MAX):
            try:
                if await persist(lambda: workspace.store_input(file, self._stream(file.blob_url))):
                    return
            except GatewayRefusal as refusal:
                raise JobFailed(f"{file.name} cannot be downloaded: {refusal}") from refusal
            log.warning("input_damaged", file=file.url)
        raise JobFailed(f"{file.name} does not arrive as it was uploaded")

    async def _stream(self, url: str) -> AsyncIterator[bytes]:
        try:
            async with self._media.stream("GET", url) as answer:
                if answer.is_error:
                    await answer.aread()
                    _judge(answer)
                async for chunk in answer.aiter_bytes():
                    yield chunk
        except httpx.TransportError as error:
            raise GatewayTrouble(repr(error)) from error

    async def _report(
        self, claim: Claim, what: str, body: dict[str, Any], method: str = "POST"
    ) -> None:
        body = {"lease": claim.lease.token, **body}
        await self._ask_under_lease(claim, what, method, json=body)

    async def _ask_under_lease(
        self, claim: Claim, what: str, method: str = "POST", **options: Any
    ) -> httpx.Response:
        path = f"/api/v1/jobs/{claim.job.id}/{what}{'/' if what else ''}"
        try:
            return await self._ask(method, path, **options)
        except GatewayRefusal as refusal:
            if refusal.status in NO_LONGER_OURS:
                raise LeaseLost(str(refusal)) from refusal
            raise

    async def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = await self._api.request(method, path, **options)
        except httpx.TransportError as error:
            raise GatewayTrouble(repr(error)) from error
        _judge(answer)
        return answer


async def _name_request(request: httpx.Request) -> None:
    """What a job does bears the id of the request that it was started by, in everybody's logs."""
    request_id = structlog.contextvars.get_contextvars().get(REQUEST_ID)
    if request_id:
        request.headers[REQUEST_ID] = request_id


async def persist(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask until the answer is definitive."""
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            return await ask()
        except GatewayTrouble as trouble:
            log.warning("gateway_trouble", reason=str(trouble), retry_in_seconds=pause)
        await asyncio.sleep(pause)
        pause = min(2 * pause, PAUSE_SECONDS_MAX)


def _key_of(claim: Claim, path: Path) -> str:
    """A header has ASCII only, and a name of a file anything."""
    return f"{claim.lease.token}/{sha256(os.fsencode(path.name)).hexdigest()}"


def _judge(answer: httpx.Response) -> None:
    # Whoever says when to come again has not answered yet, whatever the status.
    asks_again = answer.is_error and "retry-after" in answer.headers
    if asks_again or answer.status_code in TROUBLE or _is_of_a_gateway_that_starts(answer):
        raise GatewayTrouble(f"{answer.request.url.path} answered {answer.status_code}")
    if not answer.is_success:
        raise GatewayRefusal(answer.status_code, _detail(answer))


def _is_of_a_gateway_that_starts(answer: httpx.Response) -> bool:
    """It listens a moment before it knows of any service; a service would say 404 in JSON."""
    is_json = answer.headers.get("content-type", "").startswith("application/json")
    return answer.status_code == httpx.codes.NOT_FOUND and not is_json


def _detail(answer: httpx.Response) -> str:
    """The contract's error shape, as one line for a job's log."""
    try:
        body = answer.json()
    except ValueError:
        return answer.text[:DETAIL_CHARACTERS_MAX]
    if isinstance(body, dict):
        parts = [text for value in body.values() for text in _texts(value)]
        return " ".join(parts)[:DETAIL_CHARACTERS_MAX]
    return str(body)[:DETAIL_CHARACTERS_MAX]


def _texts(value: object) -> list[str]:
    return [str(text) for text in value] if isinstance(value, list) else [str(value)]
