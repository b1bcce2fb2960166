"""Links and https behind a real nginx, which is believed; nobody else is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.nginx import NAME, Front, find_nginx, nginx_in_front_of
from harness.people import People, Person

from dev.stack import Stack

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


def test_a_client_past_the_proxy_is_not_believed(alice: Person, watched: Stack) -> None:
    headers = SPOOFED | {"X-Forwarded-Host": NAME}
    answer = alice.asks("GET", "/auth/user/", headers=headers)

    assert answer.json()["url"].startswith(f"{watched.url}/api/v1/users/")


def test_another_host_than_ours_is_refused_behind_the_proxy(front: Front, alice: Person) -> None:
    answer = front.asks("GET", "/api/v1/files/", token_of(alice) | {"Host": "evil.example.org"})

    assert (answer.status_code, answer.json()) == (400, {"detail": "Invalid host."})


def token_of(person: Person) -> dict[str, str]:
    return {"Authorization": f"Token {person.token}"}
