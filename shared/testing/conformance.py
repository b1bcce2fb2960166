"""What every service promises alike: written once, inherited by each service's test_conformance.

Inherit ServiceConformance and name the public collections that a GET may list.
"""

import time
from collections.abc import Callable, Iterator
from inspect import isasyncgenfunction, iscoroutinefunction, isfunction
from typing import Any, ClassVar

import httpx
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant

from shared.openapi import Document
from shared.testing.documents import DocumentConformance
from shared.testing.forgeries import forgeries
from shared.testing.hostile import bodies, fields_of
from shared.testing.tokens import Signer

# Routes that are open on purpose; everything else must ask who is calling.
PUBLIC = frozenset(
    {
        ("post", "/auth/registration/"),
        ("post", "/auth/login/"),
        ("post", "/auth/logout/"),
        ("post", "/auth/password/reset/"),
        ("post", "/auth/password/reset/confirm/"),
        ("get", "/auth/jwks.json"),
        ("get", "/media/files/{link}/{name}"),
    }
)


class ServiceConformance(DocumentConformance):
    """Needs the fixtures `app`, `client` and `signer` of shared/testing/fixtures.py."""

    collections: ClassVar[tuple[str, ...]]

    async def test_it_is_alive_and_ready(self, client: httpx.AsyncClient) -> None:
        assert (await client.get("/healthz")).json() == {"status": "alive"}
        readiness = await client.get("/readyz")
        assert (readiness.status_code, readiness.json()["status"]) == (200, "ready")

    async def test_every_route_outside_the_public_ones_wants_credentials(
        self, app: FastAPI, client: httpx.AsyncClient
    ) -> None:
        asked = 0
        for path, operations in app.openapi()["paths"].items():
            for method in set(operations) - {"head", "options"}:
                if (method, path) in PUBLIC:
                    continue
                answer = await client.request(method, _with_ids(path))
                assert answer.status_code == 401, f"{method} {path}: {answer.status_code}"
                assert "www-authenticate" in answer.headers
                asked += 1
        assert asked > 0

    async def test_a_token_narrowed_to_something_else_opens_no_route(
        self, app: FastAPI, client: httpx.AsyncClient, signer: Signer
    ) -> None:
        headers = signer.headers(1, is_staff=True, scopes="weather:read weather:write")
        routes = [route for router in app.state.service.routers for route in router.routes]
        assert routes
        for route in routes:
            for method in route.methods - {"HEAD", "OPTIONS"}:
                if (method.lower(), route.path) not in PUBLIC:
                    answer = await client.request(method, _with_ids(route.path), headers=headers)
                    assert answer.status_code == 403, f"{method} {route.path}"
                    assert "scope" in answer.json()["detail"]

    async def test_nothing_that_a_route_needs_takes_a_thread(self, app: FastAPI) -> None:
        """FastAPI gives every plain function to a thread: half a millisecond for a look-up."""
        routes = [route for router in app.state.service.routers for route in router.routes]
        plain = [call for route in routes for call in _plain_calls(route.dependant)]
        assert routes
        assert plain == []

    async def test_a_made_up_token_is_refused_in_the_contracts_words(
        self, client: httpx.AsyncClient
    ) -> None:
        for collection in self.collections:
            answer = await client.get(collection, headers={"Authorization": "Token made-up"})
            assert (answer.status_code, answer.json()) == (401, {"detail": "Invalid token."})

    async def test_an_expired_token_is_refused(
        self, client: httpx.AsyncClient, signer: Signer
    ) -> None:
        token = signer.token(1, lives_seconds=-1)
        for collection in self.collections:
            answer = await client.get(collection, headers={"Authorization": f"Bearer {token}"})
            assert (answer.status_code, answer.json()) == (401, {"detail": "Invalid token."})

    @pytest.mark.attack
    async def test_no_forged_token_is_believed_and_all_are_refused_alike(
        self,
        client: httpx.AsyncClient,
        signer: Signer,
        app: FastAPI,
        record_property: Callable[[str, object], None],
    ) -> None:
        [collection, *_] = self.collections
        tokens = forgeries(signer)
        tokens["revoked"] = signer.token(1)
        caller = await app.state.verifier.verify(tokens["revoked"])
        app.state.verifier.revocations.revoke_token(caller.token_id, expires_at=time.time() + 60)
        record_property("attacks", len(tokens))

        for name, token in tokens.items():
            answer = await client.get(collection, headers={"Authorization": f"Token {token}"})

            assert (answer.status_code, answer.json()) == (401, {"detail": "Invalid token."}), name
            assert answer.headers["www-authenticate"] == 'Token realm="api"', name

    @pytest.mark.attack
    async def test_no_hostile_body_is_our_fault(
        self,
        app: FastAPI,
        signer: Signer,
        record_property: Callable[[str, object], None],
    ) -> None:
        """By a client of its own: the user of this token need not be there."""
        document, tried = app.openapi(), 0
        token = signer.headers(1)
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://mlsploit.test"
        ) as client:
            for path, method, operation in _operations_with_a_body(document):
                for name, (kind, content) in bodies(fields_of(document, operation)):
                    headers = token | {"Content-Type": kind}
                    answer = await client.request(method, path, content=content, headers=headers)
                    assert answer.status_code < 500, f"{name}: {method} {path}: {answer.text[:300]}"
                    tried += 1
        record_property("attacks", tried)
        assert tried > 0

    async def test_a_path_without_its_slash_redirects_and_keeps_the_query(
        self, client: httpx.AsyncClient
    ) -> None:
        for collection in self.collections:
            bare = collection.rstrip("/")
            got = await client.get(f"{bare}?a=b")
            assert (got.status_code, got.headers["location"]) == (301, f"{collection}?a=b")
            posted = await client.post(bare)
            assert (posted.status_code, posted.headers["location"]) == (308, collection)

    async def test_an_unknown_path_is_404_in_json(self, client: httpx.AsyncClient) -> None:
        answer = await client.get("/api/v1/nothing/")
        assert (answer.status_code, answer.json()) == (404, {"detail": "Not found."})

    async def test_a_method_a_path_does_not_have_is_405_and_names_those_it_has(
        self, client: httpx.AsyncClient
    ) -> None:
        for collection in self.collections:
            answer = await client.request("BREW", collection)
            assert answer.status_code == 405
            assert answer.json() == {"detail": 'Method "BREW" not allowed.'}
            assert {"GET", "HEAD", "OPTIONS"} <= set(answer.headers["allow"].split(", "))

    async def test_a_browser_on_another_origin_may_call(self, client: httpx.AsyncClient) -> None:
        asking = {"Origin": "http://ui.test", "Access-Control-Request-Method": "PATCH"}
        for collection in self.collections:
            preflight = await client.options(collection, headers=asking)
            assert (preflight.status_code, preflight.content) == (200, b"")
            assert "PATCH" in preflight.headers["access-control-allow-methods"]
            refused = await client.get(collection, headers={"Origin": "http://ui.test"})
            assert refused.headers["access-control-allow-origin"] == "*"

    async def test_every_answer_tells_browsers_to_run_and_show_nothing(
        self, client: httpx.AsyncClient
    ) -> None:
        [collection, *_] = self.collections
        preflight = {"Origin": "http://ui.test", "Access-Control-Request-Method": "PATCH"}
        for answer in (
            await client.get(collection),
            await client.get("/nowhere/"),
            await client.get("/healthz", headers={"X-Forwarded-Host": "a.test, b.test"}),
            await client.options(collection, headers=preflight),
            await client.request("BREW", collection),
        ):
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["content-security-policy"].startswith("default-src 'none'")
            assert answer.headers["x-frame-options"] == "SAMEORIGIN"
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert "strict-transport-security" not in answer.headers

    async def test_every_answer_carries_a_request_id_and_keeps_the_clients_own(
        self, client: httpx.AsyncClient
    ) -> None:
        given = await client.get("/healthz", headers={"X-Request-ID": "mine-1"})
        assert given.headers["x-request-id"] == "mine-1"
        assert (await client.get("/nowhere/")).headers["x-request-id"]


def _plain_calls(dependant: Dependant) -> Iterator[Any]:
    call = dependant.call
    # An object that is called, such as a security scheme, is as good as its method.
    function = call if isfunction(call) else type(call).__call__
    if not (iscoroutinefunction(function) or isasyncgenfunction(function)):
        yield call
    for each in dependant.dependencies:
        yield from _plain_calls(each)


def _operations_with_a_body(document: Document) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if "requestBody" in operation:
                yield _with_ids(path), method, operation


def _with_ids(path: str) -> str:
    """The path with every parameter filled in by 1."""
    parts = path.split("/")
    return "/".join("1" if part.startswith("{") else part for part in parts)
