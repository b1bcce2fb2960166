"""Bodies that are longer or shorter than they say, have no end, or stop: byte for byte.

Nothing of them is kept, each is answered or cut, and the next request is served.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.people import Person
from harness.sockets import Wire, lines, statuses

from dev.stack import Stack
from dev.waiting import eventually

pytestmark = pytest.mark.attack
Record = Callable[[str, object], None]

MEBIBYTE = 1024 * 1024
HUGE = 10 * 1024**4
# What a fast machine takes in the moment before an early answer is passed on.
TAKEN_BYTES_MAX = 4096 * MEBIBYTE
JSON = "Content-Type: application/json"
FORM = "Content-Type: multipart/form-data; boundary=p"
FILE = '--p\r\nContent-Disposition: form-data; name="blob"; filename="a"\r\n\r\ncontent'
END = "\r\n--p--\r\n"
ROUTES = {"/api/v1/pipelines/": JSON, "/api/v1/runs/": JSON, "/api/v1/files/": FORM}
LEAVES = {"half-closes": Wire.half_closes, "closes": Wire.closes, "resets": Wire.resets}


def head(person: Person, path: str, *headers: str) -> str:
    token = f"Authorization: Token {person.token}"
    return lines(f"POST {path} HTTP/1.1", "Host: localhost", token, ROUTES[path], *headers)


def incoming(system: Stack) -> list[Path]:
    """What the files service has begun to store."""
    return [*(system.data_dir / "files" / "blobs" / "incoming").glob("*")]


def expect_nothing_of_it(system: Stack, person: Person) -> None:
    eventually(lambda: incoming(system) == [], "nothing is left half stored")
    assert {path: person.gets(path) for path in ROUTES} == {path: [] for path in ROUTES}


@pytest.mark.parametrize("path", ROUTES)
def test_who_asks_first_is_told_at_once_that_it_is_too_much(
    path: str, system: Stack, alice: Person
) -> None:
    with Wire(system.url) as wire:
        wire.sends(head(alice, path, f"Content-Length: {HUGE}", "Expect: 100-continue"))
        status, body = wire.answer()

    assert status == 413
    assert "may have at most" in json.loads(body)["detail"]


@pytest.mark.parametrize("path", ROUTES)
def test_who_sends_too_much_is_told_long_before_the_end(
    path: str, system: Stack, alice: Person, record_property: Record
) -> None:
    with Wire(system.url) as wire:
        wire.sends(head(alice, path, f"Content-Length: {HUGE}"))
        sent = wire.sends_until_answered(bytes(65536), TAKEN_BYTES_MAX)
        status, _ = wire.answer()
    record_property("bytes taken before 413", sent)

    assert status == 413
    assert sent < TAKEN_BYTES_MAX
    expect_nothing_of_it(system, alice)


@pytest.mark.parametrize("path", ["/api/v1/pipelines/", "/api/v1/files/"])
def test_a_body_without_an_end_is_cut_at_the_limit(path: str, system: Stack, alice: Person) -> None:
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    with Wire(system.url) as wire:
        wire.sends(head(alice, path, "Transfer-Encoding: chunked"))
        if path == "/api/v1/files/":
            start = b'--p\r\nContent-Disposition: form-data; name="tags"\r\n\r\n'
            wire.sends(b"%x\r\n%s\r\n" % (len(start), start))
        sent = wire.sends_until_answered(chunk, TAKEN_BYTES_MAX)
        status, _ = wire.answer()

    assert status in (400, 413)
    assert sent < TAKEN_BYTES_MAX
    expect_nothing_of_it(system, alice)


@pytest.mark.parametrize("leaves", LEAVES)
def test_who_leaves_in_the_middle_of_a_body_has_asked_for_nothing(
    leaves: str, system: Stack, alice: Person
) -> None:
    for path, begun in (("/api/v1/files/", FILE), ("/api/v1/pipelines/", '{"name": "x"}')):
        for framing in (f"Content-Length: {2 * MEBIBYTE}", "Transfer-Encoding: chunked"):
            is_chunked = framing.startswith("Transfer")
            body = f"{len(begun):x}\r\n{begun}\r\n" if is_chunked else begun
            with Wire(system.url) as wire:
                wire.sends(head(alice, path, framing) + body)
                if path == "/api/v1/files/":
                    # The service has it in hands; a blob is begun with the first bytes of a file.
                    wire.sends(f"10000\r\n{'x' * 65536}\r\n" if is_chunked else "x" * 65536)
                LEAVES[leaves](wire)

            expect_nothing_of_it(system, alice)


def test_what_is_sent_behind_the_length_is_another_request_of_the_same_client(
    system: Stack, alice: Person, bob: Person
) -> None:
    whole = FILE + END
    for cut in (1, 4, len(END), len(whole) - 1):
        with Wire(system.url) as wire:
            length = f"Content-Length: {len(whole) - cut}"
            wire.sends(head(alice, "/api/v1/files/", length) + whole)
            answer = wire.everything()

        # Without its last two bytes a form is whole.
        first, *others = statuses(answer)
        assert first in ((201, 400) if cut < 3 else (400,)), (cut, answer)
        assert all(status >= 400 for status in others), (cut, answer)
        assert bob.gets("/api/v1/files/") == []
