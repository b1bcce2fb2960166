"""The network as the portal sees it: five services that answer what a test tells them to."""

import json
import time
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.auth import ALGORITHM, ISSUER

SERVICES = ("users", "files", "modules", "pipelines", "runs")
KEY = Ed25519PrivateKey.generate()
KEY_ID = "test"


class Services(httpx.AsyncBaseTransport):
    """The network as the portal sees it: what each service answers, by its host and path."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], tuple[int, Any]] = {}
        self.away: set[str] = set()
        # They refuse once; whoever asks again meets another replica.
        self.leaving: set[str] = set()
        self.asked: list[str] = []
        for name in SERVICES:
            self.answers[name, "/readyz"] = (200, {"status": "ready", "checks": {}})
            self.answers[name, "/openapi.json"] = (200, document(f"/api/v1/{name}/"))
        self.answers["users", "/auth/jwks.json"] = (200, {"keys": [public_key()]})

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        if request.url.host in self.away | self.leaving:
            self.leaving.discard(request.url.host)
            raise httpx.ConnectError("connection refused")
        status, body = self.answers[request.url.host, request.url.path]
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return httpx.Response(status, content=content)


def document(path: str) -> dict[str, Any]:
    answer = {"200": {"description": "OK"}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": {path: {"get": {"responses": answer}}},
    }


def public_key() -> dict[str, Any]:
    algorithm = jwt.algorithms.OKPAlgorithm()
    return {**algorithm.to_jwk(KEY.public_key(), as_dict=True), "kid": KEY_ID}


def signed_token() -> str:
    now = time.time()
    claims = {"iss": ISSUER, "sub": "7", "jti": "t1", "iat": now, "exp": now + 60, "name": "ada"}
    return jwt.encode(claims, KEY, algorithm=ALGORITHM, headers={"kid": KEY_ID})
