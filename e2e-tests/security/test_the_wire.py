"""Requests that two readers read in two ways, sent byte for byte: nobody is taken for another.

Invariant: each connection is its own, so what is hidden in one request would be read as the next
request of somebody else's connection to a service, and that is looked for afterwards.
"""

import secrets
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import pytest
from harness.people import Person
from harness.sockets import CRLF, exchange, lines, statuses

from dev.stack import Stack

pytestmark = pytest.mark.attack
Record = Callable[[str, object], None]


def hidden_request(system: Stack, attacker: Person) -> str:
    """Unfinished: behind it, the head of somebody else's request is the value of a header."""
    head = lines(
        "GET /api/v1/pipelines/?id=0 HTTP/1.1",
        f"Host: {urlsplit(system.url).netloc}",
        f"Authorization: Token {attacker.token}",
    )
    return head.removesuffix(CRLF) + "X-Swallowed: "


def framings(hidden: str) -> dict[str, tuple[list[str], str]]:
    """Headers and body that end in different places for different readers."""
    chunk = f"{len(hidden):x}{CRLF}{hidden}{CRLF}0{CRLF}{CRLF}"
    empty = f"0{CRLF}{CRLF}{hidden}"
    chunked = "Transfer-Encoding: chunked"
    size = f"Content-Length: {len(empty)}"
    return {
        "length and chunks": ([size, chunked], empty),
        "chunks and length": ([chunked, "Content-Length: 4"], chunk),
        "two lengths": (["Content-Length: 0", f"Content-Length: {len(hidden)}"], hidden),
        "two lengths in one": ([f"Content-Length: 0, {len(hidden)}"], hidden),
        "a negative length": (["Content-Length: -1"], hidden),
        "a signed length": ([f"Content-Length: +{len(hidden)}"], hidden),
        "a hexadecimal length": (["Content-Length: 0x0"], hidden),
        "a blank before the colon": ([f"Content-Length : {len(hidden)}"], hidden),
        "chunks, misspelt": ([size, "Transfer-Encoding: xchunked"], empty),
        "chunks, twice": ([size, chunked, "Transfer-Encoding: identity"], empty),
        "chunks behind a tab": ([size, "Transfer-Encoding:\tchunked"], empty),
        "chunks on a second line": ([size, "Transfer-Encoding:", " chunked"], empty),
        "chunks behind a control character": ([size, "Transfer-Encoding: \x0bchunked"], empty),
        "chunks under an alias": ([size, "Transfer_Encoding: chunked"], empty),
        "a size that overflows": ([chunked], f"10000000000000000{CRLF}{hidden}{CRLF}{empty}"),
        "a size with a sign": ([chunked], f"-1{CRLF}{hidden}{CRLF}{empty}"),
        "a size in an extension": ([chunked], f"0;\n{CRLF}{hidden}"),
        "a bare line feed": ([chunked], f"0\n\n{hidden}"),
        "trailers": ([chunked], f"0{CRLF}Authorization: Token x{CRLF}{hidden}"),
    }


def test_no_request_is_read_out_of_the_body_of_another(
    system: Stack, alice: Person, bob: Person, record_property: Record
) -> None:
    own = [alice.builds_pipeline(name=secrets.token_hex(8))]
    tricks = framings(hidden_request(system, bob))
    record_property("attacks", len(tricks))

    for trick, (headers, body) in tricks.items():
        request = lines(
            "POST /api/v1/pipelines/ HTTP/1.1",
            f"Host: {urlsplit(system.url).netloc}",
            f"Authorization: Token {bob.token}",
            "Content-Type: application/json",
            *headers,
            body=body,
        )
        answer = exchange(system.url, request)

        # What follows on the attacker's own connection is the attacker's own.
        assert all(status >= 400 for status in statuses(answer)[:1]), (trick, answer[:300])
        # More often than the gateway keeps connections to the service.
        for _ in range(4):
            assert alice.gets("/api/v1/pipelines/") == own, trick
    assert bob.gets("/api/v1/pipelines/") == []


INTERNAL = (
    "/internal/users/",
    "//internal/users/",
    "/./internal/users/",
    "/%69nternal/users/",
    "/%2e/internal/users/",
    "/auth/../internal/users/",
    "/auth/%2e%2e/internal/users/",
    "/auth/..%2finternal/users/",
    "/auth/..%5cinternal/users/",
    "/auth/..;/internal/users/",
    "/auth\\..\\internal\\users\\",
    "/auth/%252e%252e/internal/users/",
    "/auth/\x00/../internal/users/",
    "/api/v1/files/../../../internal/files/",
    "/media/../internal/references/",
    "/INTERNAL/users/",
    "/metrics",
    "/auth/../metrics",
    "/%6detrics",
    "/readyz",
    "/livez",
)


@pytest.mark.parametrize("prefix", ["", "http://127.0.0.1", "http://users:8000"])
def test_nothing_internal_is_reached_by_whatever_path(
    system: Stack, alice: Person, prefix: str, record_property: Record
) -> None:
    overrides = ("X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Uri", "X-Forwarded-Prefix")
    record_property("attacks", len(INTERNAL))
    for path in INTERNAL:
        answer = exchange(
            system.url,
            lines(
                f"GET {prefix}{path} HTTP/1.1",
                f"Host: {urlsplit(system.url).netloc}",
                f"Authorization: Token {alice.token}",
                *(f"{name}: /internal/users/" for name in overrides),
                "Connection: close",
            ),
        )
        [status] = statuses(answer)
        assert 400 <= status < 500, (path, answer[:300])
        for told in (b'"username"', b"process_", b"# HELP", b'"checks"', b"NATS"):
            assert told not in answer, path


def test_what_a_client_says_of_itself_changes_neither_identity_nor_links(
    system: Stack, alice: Person, bob: Person, record_property: Record
) -> None:
    alice.uploads("a.txt", b"a")
    ours = urlsplit(system.url).netloc
    claims = {
        "X-Forwarded-Host": "evil.test",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Port": "1",
        "X-Forwarded-Server": "evil.test",
        "X-Real-Ip": "127.0.0.1",
        "X_Forwarded_Host": "evil.test",
        "Forwarded": "for=127.0.0.1;host=evil.test;proto=https",
        "X-Host": "evil.test",
        "X-HTTP-Method-Override": "DELETE",
        "X-User": bob.username,
        "X-Remote-User": "admin",
        "Cookie": f"token={bob.token}; sessionid=1",
    }
    record_property("attacks", len(claims) + 2)
    plain = alice.gets("/api/v1/files/")
    for name, value in claims.items():
        answer = alice.asks("GET", "/api/v1/files/", headers={name: value})
        assert answer.json() == plain, name
        assert "evil" not in answer.text + str(answer.headers), name
        user = alice.asks("GET", "/auth/user/", headers={name: value}).json()
        assert user["username"] == alice.username, name

    # A name of one's own choice is answered to nobody else, and an address as target is no name.
    alice.asks("GET", "/api/v1/files/", headers={"Host": "evil.test"})
    assert alice.gets("/api/v1/files/") == plain
    for target in (f"http://evil.test@{ours}/api/v1/files/", f"http://{ours}/api/v1/files/"):
        request = lines(
            f"GET {target} HTTP/1.1",
            f"Host: {ours}",
            "X-Forwarded-Host: evil.test",
            f"Authorization: Token {alice.token}",
            "Connection: close",
        )
        assert b"evil" not in exchange(system.url, request)


@pytest.mark.parametrize("hosts", [[], ["a.test", "b.test"], ["a.test, b.test"], ["a test"]])
def test_a_request_of_no_host_or_of_two_is_refused(system: Stack, hosts: list[str]) -> None:
    headers = [f"Host: {host}" for host in hosts]
    request = lines("GET /api/v1/files/ HTTP/1.1", *headers, "Connection: close")
    answer = exchange(system.url, request)

    assert [status for status in statuses(answer) if status < 400] == []


def test_a_header_of_a_million_characters_is_refused_by_the_gateway(alice: Person) -> None:
    for length, status in ((100, 401), (10_000, 401), (1_000_000, 431), (5_000_000, 431)):
        headers = {"Authorization": f"Token {'a' * length}"}
        try:
            answer = alice.http.get("/auth/user/", headers=headers)
        except httpx.TransportError:
            assert status == 431  # It stopped reading before all was written.
            continue
        assert answer.status_code == status, length
    assert alice.gets("/auth/user/")["username"] == alice.username
