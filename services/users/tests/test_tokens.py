"""Tokens: one per login, believed until they end or are revoked."""

from collections.abc import Awaitable, Callable

import httpx
import jwt
import pytest
from pydantic import ValidationError

from services.users.keys import Claims, SigningKey
from services.users.settings import UsersSettings
from shared.testing.fixtures import Published

Register = Callable[[str], Awaitable[dict[str, str]]]
PASSWORD = "correct horse battery"


async def _log_in(client: httpx.AsyncClient, username: str) -> dict[str, str]:
    answer = await client.post("/auth/login/", json={"username": username, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Token {answer.json()['token']}"}


async def test_every_login_makes_a_token_of_its_own(
    client: httpx.AsyncClient, register: Register
) -> None:
    first = await register("ada")
    second = await _log_in(client, "ada")

    assert first != second
    for header in (first, second):
        assert (await client.get("/auth/user/", headers=header)).status_code == 200


async def test_logging_out_revokes_this_token_and_no_other(
    client: httpx.AsyncClient, register: Register
) -> None:
    first = await register("ada")
    second = await _log_in(client, "ada")

    gone = await client.post("/auth/logout/", headers=first)

    assert (gone.status_code, gone.json()) == (200, {"detail": "Successfully logged out."})
    refused = await client.get("/auth/user/", headers=first)
    assert (refused.status_code, refused.json()) == (401, {"detail": "Invalid token."})
    assert (await client.get("/auth/user/", headers=second)).status_code == 200


async def test_a_revocation_is_told_to_the_other_services(
    client: httpx.AsyncClient, register: Register, published: Published
) -> None:
    header = await register("ada")
    token_id = jwt.decode(header["Authorization"][6:], options={"verify_signature": False})["jti"]

    await client.post("/auth/logout/", headers=header)

    subjects = [subject for subject, _ in await published()]
    assert subjects[-1] == f"$KV.mlsploit_revocations.token.{token_id}"


async def test_logging_out_without_a_token_is_fine(client: httpx.AsyncClient) -> None:
    for headers in ({}, {"Authorization": "Token made-up"}):
        assert (await client.post("/auth/logout/", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        (
            {"username": "ada", "password": "wrong"},
            {"non_field_errors": ["Unable to log in with provided credentials."]},
        ),
        (
            {"username": "nobody", "password": PASSWORD},
            {"non_field_errors": ["Unable to log in with provided credentials."]},
        ),
        (
            {"username": "ADA", "password": PASSWORD},
            {"non_field_errors": ["Unable to log in with provided credentials."]},
        ),
        (
            {"password": PASSWORD},
            {"non_field_errors": ['Must include "username" and "password".']},
        ),
        ({"username": "ada"}, {"password": ["This field is required."]}),
    ],
)
async def test_wrong_credentials_do_not_say_what_was_wrong(
    client: httpx.AsyncClient,
    register: Register,
    body: dict[str, str],
    faults: dict[str, list[str]],
) -> None:
    await register("ada")

    answer = await client.post("/auth/login/", json=body)

    assert (answer.status_code, answer.json()) == (400, faults)


async def test_the_published_key_verifies_a_token(
    client: httpx.AsyncClient, register: Register
) -> None:
    token = (await register("ada"))["Authorization"][6:]

    [jwk] = (await client.get("/auth/jwks.json")).json()["keys"]

    assert jwt.get_unverified_header(token)["kid"] == jwk["kid"]
    claims = jwt.decode(token, jwt.PyJWK(jwk), algorithms=["EdDSA"])
    assert (claims["name"], claims["staff"]) == ("ada", False)
    assert "d" not in jwk


async def test_replicas_with_one_secret_sign_alike_and_others_do_not() -> None:
    one, same, other = (SigningKey(secret * 30) for secret in ("a", "a", "b"))
    claims = Claims("id", 1, "ada", is_staff=False, issued_at=1.0, expires_at=4e9)

    assert (one.key_id, one.sign(claims)) == (same.key_id, same.sign(claims))
    assert other.key_id != one.key_id


def test_a_secret_shorter_than_25_characters_is_refused_at_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(ValidationError):
        UsersSettings(api_secret_key="x" * 24)

    monkeypatch.setenv("MLSPLOIT_API_SECRET_KEY", "x" * 24)
    with pytest.raises(SystemExit, match=r"MLSPLOIT_API_SECRET_KEY: must have at least 25"):
        UsersSettings.load()


async def test_no_password_is_ever_stored_or_shown(
    client: httpx.AsyncClient, register: Register, published: Published
) -> None:
    header = await register("ada")

    shown = (await client.get("/auth/user/", headers=header)).text

    assert PASSWORD not in shown + str(await published())
    assert "hash" not in shown
