"""People who ask until they are answered, whatever is broken at the moment.

Every POST carries a key of its own, and is sent again with it until there is an answer. What is
answered must be right; an answer that says nothing (503, a lost connection) is counted and asked
again.
"""

import secrets
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

from chaos.timing import rest

REQUEST_SECONDS_MAX = 15.0
PAUSE_SECONDS = 0.3
NOT_AN_ANSWER = frozenset({429, 502, 503, 504})
FAULT = 500

Item = dict[str, Any]


class Unexpected(Exception):
    """An answer that nobody should get, chaos or not."""


@dataclass
class Experience:
    """What the people met: how often they had to ask again and why, and what should never be."""

    asked_again: Counter[str] = field(default_factory=Counter)
    replayed: int = 0
    errors: list[str] = field(default_factory=list)


class Client:
    """One person's requests."""

    def __init__(self, http: httpx.AsyncClient, token: str, experience: Experience) -> None:
        self._http = http
        self._headers = {"Authorization": f"Token {token}"}
        self.experience = experience

    async def post(self, path: str, **content: Any) -> Item:
        headers = {"Idempotency-Key": secrets.token_hex(16)}
        made: Item = (await self.ask("POST", path, headers=headers, **content)).json()
        return made

    async def get(self, path: str, **options: Any) -> Any:
        return (await self.ask("GET", path, **options)).json()

    async def delete(self, path: str) -> None:
        """Gone is gone: the answer to the first request may have been lost."""
        await self.ask("DELETE", path, accepted=(204, 404))

    async def ask(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        accepted: tuple[int, ...] = (200, 201, 204),
        **options: Any,
    ) -> httpx.Response:
        while True:
            try:
                answer = await self._http.request(
                    method, path, headers=self._headers | (headers or {}), **options
                )
            except httpx.TransportError as error:
                self.experience.asked_again[type(error).__name__] += 1
            else:
                if answer.status_code in accepted:
                    self.experience.replayed += "idempotency-replayed" in answer.headers
                    return answer
                self._judge(answer)
            await rest(PAUSE_SECONDS)

    def _judge(self, answer: httpx.Response) -> None:
        """Returns when it is right to ask again."""
        said = f"{answer.request.method} {answer.request.url.path}: {answer.status_code}"
        if not answer.headers.get("content-type", "").startswith("application/json"):
            # The gateway's own words: it has just begun, or a service broke off in its answer.
            self.experience.asked_again[f"{answer.status_code} of the gateway"] += 1
            return
        if answer.status_code == FAULT:
            self.experience.errors.append(f"{said} {answer.text[:300]}")
        elif answer.status_code not in NOT_AN_ANSWER and "retry-after" not in answer.headers:
            raise Unexpected(f"{said} {answer.text[:1000]}")
        self.experience.asked_again[str(answer.status_code)] += 1


def http_client(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, timeout=REQUEST_SECONDS_MAX, trust_env=False)
