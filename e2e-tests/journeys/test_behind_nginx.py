"""Links, https and the client's address behind a real nginx, which is believed; nobody else is."""

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from harness.nginx import CLIENT, NAME, Front, find_nginx, nginx_in_front_of
from harness.people import People, Person

from dev.stack import Stack
from dev.waiting import eventually

pytestmark = pytest.mark.skipif(
    find_nginx() is None, reason="nginx is missing: apt-get install nginx-light"
)
SPOOFED = {
    "X-Forwarded-For": "198.51.100.1",
    "X-Forwarded-Host": "evil.example.org",
    "X-Forwarded-Proto": "https",
}


@pytest.fixture
def front(watched: Stack, tmp_path: Path) -> Iterator[Front]:
    with nginx_in_front_of(watched.url, tmp_path) as front:
        yield front


@pytest.fixture
def alice(watched: Stack) -> Iterator[Person]:
    with People(watched.url) as people:
        yield people.register("alice")


def test_links_are_https_on_the_name_that_the_client_used(front: Front, alice: Person) -> None:
    me = front.asks("GET", "/auth/user/", token_of(alice))
    redirect = front.asks("GET", "/api/v1/files", token_of(alice))

    assert me.status_code == 200, me.text
    assert me.json()["url"].startswith(f"https://{NAME}/api/v1/users/")
    assert redirect.headers["location"] in {f"https://{NAME}/api/v1/files/", "/api/v1/files/"}


def test_the_log_names_the_client_and_not_the_proxy(
    front: Front, alice: Person, watched: Stack
) -> None:
    answer = front.asks("GET", "/api/v1/files/", token_of(alice) | SPOOFED)

    # What it says itself of where it comes from stands before what nginx saw.
    assert client_in_log(watched, answer) == CLIENT
    assert answer.status_code == 200


def test_a_client_past_the_proxy_is_not_believed(alice: Person, watched: Stack) -> None:
    headers = SPOOFED | {"X-Forwarded-Host": NAME}
    answer = alice.asks("GET", "/auth/user/", headers=headers)

    assert answer.json()["url"].startswith(f"{watched.url}/api/v1/users/")
    assert client_in_log(watched, answer, "users") == "127.0.0.1"


def test_another_host_than_ours_is_refused_behind_the_proxy(front: Front, alice: Person) -> None:
    answer = front.asks("GET", "/api/v1/files/", token_of(alice) | {"Host": "evil.example.org"})

    assert (answer.status_code, answer.json()) == (400, {"detail": "Invalid host."})


def token_of(person: Person) -> dict[str, str]:
    return {"Authorization": f"Token {person.token}"}


def client_in_log(stack: Stack, answer: httpx.Response, service: str = "files") -> str:
    """The address in the line about this request."""
    request_id = answer.headers["x-request-id"]

    def lines() -> list[str]:
        return [line for line in stack.log(service).read_text().splitlines() if request_id in line]

    line = eventually(lines, "the request is in the log")[-1]
    return str(json.loads(line)["client"])
