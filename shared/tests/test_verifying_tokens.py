"""Who is believed, on whose word, and for how long."""

import time
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.auth import ALGORITHM, ISSUER, JwksKeys, Revocations, TokenVerifier, token_from
from shared.errors import Unauthenticated, Unavailable
from shared.testing.peers import Peers
from shared.testing.tokens import Signer

JWKS = "http://users:8000/auth/jwks.json"


@pytest.fixture
def verifier(peers: Peers) -> TokenVerifier:
    http = httpx.AsyncClient(transport=peers)
    return TokenVerifier(JwksKeys(http, JWKS), Revocations())


async def test_a_signed_token_names_its_caller(verifier: TokenVerifier, signer: Signer) -> None:
    caller = await verifier.verify(signer.token(7, is_staff=True, scopes="jobs:execute a:b"))

    assert (caller.user_id, caller.username, caller.is_staff) == (7, "user7", True)
    assert caller.scopes == frozenset({"jobs:execute", "a:b"})
    assert caller.may("jobs:execute")
    assert not caller.may("files:read")


async def test_a_token_without_scopes_may_do_all_its_user_may(
    verifier: TokenVerifier, signer: Signer
) -> None:
    assert (await verifier.verify(signer.token(7))).may("anything:at-all")


async def test_a_token_is_verified_once_and_then_costs_no_network(
    verifier: TokenVerifier, signer: Signer, peers: Peers
) -> None:
    token = signer.token(7)
    first = await verifier.verify(token)
    peers.silence("GET", JWKS)

    assert await verifier.verify(token) is first
    assert len(peers.asked) == 1


async def test_made_up_key_ids_do_not_make_us_ask_again_and_again(
    verifier: TokenVerifier, peers: Peers
) -> None:
    key = Ed25519PrivateKey.generate()
    for number in range(5):
        forged = jwt.encode({}, key, algorithm=ALGORITHM, headers={"kid": f"made-up-{number}"})
        with pytest.raises(Unauthenticated):
            await verifier.verify(forged)

    assert len(peers.asked) == 1


async def test_a_token_that_somebody_else_signed_is_refused(
    verifier: TokenVerifier, signer: Signer
) -> None:
    claims = {"iss": ISSUER, "sub": "1", "jti": "x", "iat": time.time(), "exp": time.time() + 60}
    forged = jwt.encode(
        claims, Ed25519PrivateKey.generate(), algorithm=ALGORITHM, headers={"kid": "test"}
    )
    with pytest.raises(Unauthenticated):
        await verifier.verify(forged)


@pytest.mark.parametrize("wrong", [{"iss": "somebody"}, {"sub": "no-number"}])
async def test_a_token_with_wrong_claims_is_refused(
    verifier: TokenVerifier, signer: Signer, wrong: dict[str, Any]
) -> None:
    with pytest.raises(Unauthenticated):
        await verifier.verify(signer.token(1, **wrong))


async def test_a_token_of_a_clock_slightly_ahead_is_believed(
    verifier: TokenVerifier, signer: Signer
) -> None:
    assert (await verifier.verify(signer.token(1, iat=time.time() + 3))).user_id == 1


async def test_after_a_clock_was_set_back_everybody_is_still_logged_in(
    verifier: TokenVerifier, signer: Signer
) -> None:
    assert (await verifier.verify(signer.token(1, iat=time.time() + 3600))).user_id == 1


async def test_a_revocation_outlives_a_clock_that_is_set_forward_and_back(
    verifier: TokenVerifier, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = signer.token(1, lives_seconds=60)
    caller = await verifier.verify(token)
    revocations = verifier.revocations
    await revocations.on_entry(f"token.{caller.token_id}", str(caller.expires_at).encode())
    later = time.time() + 3600
    with monkeypatch.context() as forward:
        forward.setattr(time, "time", lambda: later)
        await revocations.on_entry("token.another", str(later + 60).encode())

    with pytest.raises(Unauthenticated):
        await verifier.verify(token)


async def test_a_verified_token_ends_when_it_expires_all_the_same(
    verifier: TokenVerifier, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = signer.token(1, lives_seconds=60)
    await verifier.verify(token)
    later = time.time() + 61
    monkeypatch.setattr(time, "time", lambda: later)

    with pytest.raises(Unauthenticated):
        await verifier.verify(token)


async def test_a_revoked_token_is_refused_though_it_was_verified_before(
    verifier: TokenVerifier, signer: Signer
) -> None:
    token, other = signer.token(1), signer.token(1)
    caller = await verifier.verify(token)
    verifier.revocations.revoke_token(caller.token_id, expires_at=caller.expires_at)

    with pytest.raises(Unauthenticated):
        await verifier.verify(token)
    assert (await verifier.verify(other)).user_id == 1


async def test_a_revoked_user_loses_every_token_issued_so_far_and_none_issued_later(
    verifier: TokenVerifier, signer: Signer
) -> None:
    before = signer.token(1)
    await verifier.revocations.on_entry("user.1", str(time.time()).encode())
    after = signer.token(1, iat=time.time() + 1)

    with pytest.raises(Unauthenticated):
        await verifier.verify(before)
    assert (await verifier.verify(after)).user_id == 1


async def test_without_the_keys_nobody_is_judged(
    verifier: TokenVerifier, signer: Signer, peers: Peers
) -> None:
    peers.silence("GET", JWKS)

    with pytest.raises(Unavailable):
        await verifier.verify(signer.token(1))


@pytest.mark.parametrize(
    "header", ["Token abc", "token abc", "Bearer abc", " BEARER  abc ", "Token\tabc"]
)
def test_token_and_bearer_mean_the_same_in_any_case(header: str) -> None:
    assert token_from(header) == "abc"


@pytest.mark.parametrize(
    ("header", "detail"),
    [
        (None, "Authentication credentials were not provided."),
        ("", "Authentication credentials were not provided."),
        ("abc", "Authentication credentials were not provided."),
        ("Basic YTpi", "Authentication credentials were not provided."),
        ("Token", "Invalid token header. No credentials provided."),
        ("Token a b", "Invalid token header. Token string should not contain spaces."),
    ],
)
def test_a_header_that_holds_no_token_is_refused_in_the_contracts_words(
    header: str | None, detail: str
) -> None:
    with pytest.raises(Unauthenticated) as refusal:
        token_from(header)
    assert refusal.value.detail == detail
