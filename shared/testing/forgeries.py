"""Tokens that nobody may believe, one of each kind that a signature, a claim or a parser lets pass.

Invariant: all of them name a user and a key that exist, so each is refused for its one fault alone.
"""

import hmac
import time
from base64 import urlsafe_b64encode
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import OKPAlgorithm

from shared.auth import ALGORITHM
from shared.testing.tokens import Signer

MILLION = 1_000_000


def forgeries(signer: Signer) -> dict[str, str]:
    """By what is wrong with each."""
    good = signer.token(1, is_staff=True)
    header, payload, signature = good.split(".")
    return {
        **_unsigned(signer, payload),
        **_signed_by_another(signer, payload),
        **_signed_with_what_is_public(signer, payload),
        **_out_of_time_or_place(signer),
        **_unreadable(signer, payload),
        "altered claims": f"{header}.{_altered(payload)}.{signature}",
        "no signature": f"{header}.{payload}.",
        "half a signature": f"{header}.{payload}.{signature[:43]}",
        "somebody else's signature": f"{header}.{payload}.{signer.token(2).split('.')[2]}",
        "one part more": f"{good}.{signature}",
        "one part less": f"{header}.{payload}",
        "a million characters": "a" * MILLION,
        "a signature of a million characters": f"{header}.{payload}.{'a' * MILLION}",
        "a million dots": "." * MILLION,
    }


def _unsigned(signer: Signer, payload: str) -> dict[str, str]:
    names = ("none", "None", "NONE", "nOnE")
    heads = {name: _encoded({"alg": name, "kid": signer.key_id}) for name in names}
    return {f"algorithm {name}": f"{head}.{payload}." for name, head in heads.items()}


def _signed_by_another(signer: Signer, payload: str) -> dict[str, str]:
    stranger = Ed25519PrivateKey.generate()
    own = OKPAlgorithm.to_jwk(stranger.public_key(), as_dict=True)
    headers: dict[str, dict[str, Any]] = {
        "a wrong key": {"kid": signer.key_id},
        "a wrong key with its public half": {"kid": signer.key_id, "jwk": own},
        "a wrong key with an address": {"kid": signer.key_id, "jku": "http://127.0.0.1:1/"},
        "an unknown key": {"kid": "unknown"},
        "a key that is a path": {"kid": "../../../../dev/null"},
        "no key": {},
    }
    claims = jwt.decode(f"e30.{payload}.", options={"verify_signature": False})
    return {
        name: jwt.encode(claims, stranger, algorithm=ALGORITHM, headers=header)
        for name, header in headers.items()
    }


def _signed_with_what_is_public(signer: Signer, payload: str) -> dict[str, str]:
    """Who takes the algorithm from the token takes a public key for a shared secret."""
    public = signer.public_key
    secrets = {
        "raw": public.public_bytes(Encoding.Raw, PublicFormat.Raw),
        "PEM": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "JWK": orjson.dumps(signer.jwks()["keys"][0]),
        "empty": b"",
    }
    begun = f"{_encoded({'alg': 'HS256', 'kid': signer.key_id})}.{payload}"
    digests = {name: hmac.digest(each, begun.encode(), "sha256") for name, each in secrets.items()}
    return {f"HS256, {name} key": f"{begun}.{_base64(each)}" for name, each in digests.items()}


def _out_of_time_or_place(signer: Signer) -> dict[str, str]:
    later = time.time() + 3600
    return {
        "expired": signer.token(1, lives_seconds=-1),
        "not yet valid": signer.token(1, nbf=later),
        "for another audience": signer.token(1, aud="another-api"),
        "of another issuer": signer.token(1, iss="another"),
        "without an end": signer.token(1, exp=None),
        "that ends in words": signer.token(1, exp="never"),
        "without a name for itself": signer.token(1, jti=None),
        "of nobody": signer.token(1, sub="nobody"),
    }


def _unreadable(signer: Signer, payload: str) -> dict[str, str]:
    heads = {
        "a head nested deeply": b'{"alg":' + b"[" * 100_000,
        "a head that is no object": b"[]",
        "a head that is no JSON": b"{",
        "a head that is no text": b"\xff\xfe",
        "a key that is no text": orjson.dumps({"alg": ALGORITHM, "kid": [signer.key_id]}),
        "half a character as a key": b'{"alg": "EdDSA", "kid": "\\ud800"}',
        "a critical extension": orjson.dumps(
            {"alg": ALGORITHM, "kid": signer.key_id, "crit": ["unheard-of"], "unheard-of": 1}
        ),
    }
    return {name: f"{_base64(head)}.{payload}.AAAA" for name, head in heads.items()}


def _altered(payload: str) -> str:
    claims = jwt.decode(f"e30.{payload}.", options={"verify_signature": False})
    return _encoded({**claims, "sub": "2", "staff": True})


def _encoded(content: Any) -> str:
    return _base64(orjson.dumps(content))


def _base64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).rstrip(b"=").decode()
