"""Links, https and the addresses of clients behind a real nginx and a real Apache.

The proxy is believed; nobody else is.
"""

import json
import secrets
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, suppress
from http.client import HTTPSConnection
from pathlib import Path

import httpx
import pytest
from harness.apache import apache_in_front_of
from harness.fronts import NAME, Front, find_program
from harness.gateways import gateway_with_its_log
from harness.nginx import nginx_in_front_of
from harness.people import People, Person
from journeys.conftest import LOGIN_FAILURES_MAX

from dev.stack import Stack
from dev.waiting import eventually

InFrontOf = Callable[[str, Path], AbstractContextManager[Front]]
PROXIES: Mapping[str, tuple[InFrontOf, str]] = {
    "nginx": (nginx_in_front_of, "nginx-light"),
    "apache2": (apache_in_front_of, "apache2-bin"),
}
SPOOFED = {
    "X-Forwarded-For": "198.51.100.1",
    "X-Forwarded-Host": "evil.example.org",
    "X-Forwarded-Proto": "https",
}
HUGE = 10 * 1024**4
MEBIBYTE = 1024**2
TAKEN_BYTES_MAX = 1024 * MEBIBYTE


@pytest.fixture(scope="module", params=PROXIES)
def in_front_of(request: pytest.FixtureRequest) -> InFrontOf:
    place, package = PROXIES[request.param]
    if find_program(request.param) is None:
        pytest.skip(f"{request.param} is missing: apt-get install {package}")
    return place


@pytest.fixture(scope="module")
def front(
    in_front_of: InFrontOf, watched: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    with in_front_of(watched.url, tmp_path_factory.mktemp("front")) as front:
        yield front


@pytest.fixture
def alice(watched: Stack) -> Iterator[Person]:
    with People(watched.url) as people:
        yield people.register("alice")


def token_of(person: Person) -> dict[str, str]:
    return {"Authorization": f"Token {person.token}"}


def an_address() -> str:
    """Of this machine, and of nobody before."""
    return ".".join(["127", *(str(1 + secrets.randbelow(250)) for _ in range(3))])


def guess(client: httpx.Client, forwarded_for: str | None = None) -> int:
    """The status of a login as somebody who is not there."""
    body = {"username": secrets.token_hex(8), "password": "a guess"}
    headers = {} if forwarded_for is None else {"X-Forwarded-For": forwarded_for}
    return client.post("/auth/login/", json=body, headers=headers).status_code


def test_links_are_https_on_the_name_that_the_client_used(front: Front, alice: Person) -> None:
    me = front.asks("GET", "/auth/user/", token_of(alice))
    redirect = front.asks("GET", "/api/v1/files", token_of(alice))

    assert me.status_code == 200, me.text
    assert me.json()["url"].startswith(f"https://{NAME}/api/v1/users/")
    assert redirect.headers["location"] in {f"https://{NAME}/api/v1/files/", "/api/v1/files/"}


def test_what_a_client_says_of_itself_does_not_pass_the_proxy(front: Front, alice: Person) -> None:
    answer = front.asks("GET", "/auth/user/", token_of(alice) | SPOOFED)

    assert answer.json()["url"].startswith(f"https://{NAME}/api/v1/users/")


def test_a_client_past_the_proxy_is_not_believed(alice: Person, watched: Stack) -> None:
    headers = SPOOFED | {"X-Forwarded-Host": NAME}
    answer = alice.asks("GET", "/auth/user/", headers=headers)

    assert answer.json()["url"].startswith(f"{watched.url}/api/v1/users/")


def test_another_host_than_ours_is_refused_behind_the_proxy(front: Front, alice: Person) -> None:
    answer = front.asks("GET", "/api/v1/files/", token_of(alice) | {"Host": "evil.example.org"})

    assert (answer.status_code, answer.json()) == (400, {"detail": "Invalid host."})


@pytest.mark.attack
def test_failed_logins_count_for_the_clients_own_address(front: Front) -> None:
    with front.client(an_address()) as guesser, front.client(an_address()) as another:
        assert [guess(guesser) for _ in range(LOGIN_FAILURES_MAX)] == [400] * LOGIN_FAILURES_MAX

        assert guess(guesser) == 429
        assert guess(guesser, forwarded_for=an_address()) == 429
        assert guess(another) == 400


@pytest.mark.attack
def test_nobody_is_counted_for_what_another_says(front: Front) -> None:
    victim = an_address()
    with front.client(an_address()) as guesser, front.client(victim) as client:
        for _ in range(LOGIN_FAILURES_MAX + 1):
            guess(guesser, forwarded_for=victim)

        assert guess(client) == 400


@pytest.mark.attack
def test_past_the_proxy_a_made_up_address_counts_for_nothing(watched: Stack) -> None:
    transport = httpx.HTTPTransport(local_address=an_address())
    with httpx.Client(transport=transport, trust_env=False, base_url=watched.url) as client:
        for _ in range(LOGIN_FAILURES_MAX):
            assert guess(client, forwarded_for=an_address()) == 400

        assert guess(client, forwarded_for=an_address()) == 429


def test_the_gateways_log_has_the_clients_own_address(
    in_front_of: InFrontOf, watched: Stack, tmp_path: Path
) -> None:
    """That of containers: natively the gateway keeps none."""
    client, path = an_address(), f"/api/v1/files/{secrets.randbelow(10**9)}/"
    with (
        gateway_with_its_log(watched, tmp_path) as gateway,
        in_front_of(gateway.url, tmp_path) as front,
    ):
        front.asks("GET", path, SPOOFED, address=client)
        line = eventually(lambda: gateway.told_of(path), "the request is in the log")

    assert line["ClientHost"] == client


def test_a_stream_of_live_updates_is_not_held_back(front: Front, alice: Person) -> None:
    with (
        front.client() as client,
        client.stream("GET", "/api/v1/events/", headers=token_of(alice)) as answer,
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        # Before its first sign of life, which would come after 15 s.
        assert next(answer.iter_raw())


def test_an_upload_beyond_the_limit_is_refused_before_its_end(
    in_front_of: InFrontOf, front: Front, alice: Person
) -> None:
    # It would read the refused body to its end.
    asks_first = in_front_of is apache_in_front_of
    headers = {
        **token_of(alice),
        "Host": NAME,
        "Content-Type": "multipart/form-data; boundary=p",
        "Content-Length": str(HUGE),
        **({"Expect": "100-continue"} if asks_first else {}),
    }
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with closing(HTTPSConnection("127.0.0.1", front.port, timeout=30, context=trusting)) as sending:
        sending.request("POST", "/api/v1/files/", headers=headers)
        with suppress(OSError):  # It has answered, and reads no more.
            for _ in range(0 if asks_first else TAKEN_BYTES_MAX // MEBIBYTE):
                sending.send(bytes(MEBIBYTE))
        answer = sending.getresponse()
        said = json.loads(answer.read())

    assert answer.status == 413
    assert "A file may have at most" in said["detail"]
