"""A token that is given up, or taken, is believed by no service a second later."""

from collections.abc import Callable

import pytest
from harness.people import Person

from dev.waiting import eventually

REVOKED_SECONDS_MAX = 1.0
# One of each service, and the portal.
OF_EVERY_SERVICE = (
    *("/auth/user/", "/api/v1/files/", "/api/v1/modules/", "/api/v1/pipelines/"),
    *("/api/v1/jobs/", "/api/v1/"),
)


def log_out(person: Person) -> None:
    assert person.asks("POST", "/auth/logout/").status_code == 200


def revoke_from_elsewhere(person: Person) -> None:
    credentials = {"username": person.username, "password": person.password}
    token = person.http.post("/auth/login/", json=credentials).json()["token"]
    [current] = [one for one in person.gets("/auth/tokens/") if one["current"]]
    headers = {"Authorization": f"Token {token}"}
    assert person.http.delete(current["url"], headers=headers).status_code == 204


def delete_the_account(person: Person) -> None:
    me = person.gets("/auth/user/")
    assert person.asks("DELETE", me["url"]).status_code == 204


@pytest.mark.parametrize("ends", [log_out, revoke_from_elsewhere, delete_the_account])
def test_no_service_believes_a_token_that_has_ended(
    ends: Callable[[Person], None], alice: Person
) -> None:
    for path in OF_EVERY_SERVICE:
        assert alice.asks("GET", path).status_code == 200

    ends(alice)

    def believing() -> list[str]:
        return [path for path in OF_EVERY_SERVICE if alice.asks("GET", path).status_code != 401]

    eventually(lambda: not believing(), "nobody does", seconds_max=REVOKED_SECONDS_MAX)
    refused = alice.asks("GET", "/api/v1/files/")
    assert refused.json() == {"detail": "Invalid token."}
