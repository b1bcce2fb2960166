"""The signing key, derived from the secret, and the tokens it signs.

HKDF (RFC 5869) makes the same Ed25519 key on every replica; the key's id is its RFC 7638
thumbprint, so a new secret means a new id and other services fetch the new key by themselves.
Keys of secrets that are on their way in or out sign nothing; what they signed is believed.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.auth import ALGORITHM, ISSUER

_KEY_BYTES = 32


@dataclass(frozen=True)
class Claims:
    """Who a token speaks for. Times are seconds since 1970, with fractions."""

    token_id: str
    user_id: int
    username: str
    is_staff: bool
    issued_at: float
    expires_at: float
    scopes: str | None = None

    def as_jwt(self) -> dict[str, Any]:
        claims: dict[str, Any] = {
            "iss": ISSUER,
            "sub": str(self.user_id),
            "jti": self.token_id,
            "name": self.username,
            "staff": self.is_staff,
            "iat": self.issued_at,
            "exp": self.expires_at,
        }
        return claims if self.scopes is None else {**claims, "scope": self.scopes}


class SigningKey:
    """What one secret signs with."""

    def __init__(self, secret: str):
        derive = HKDF(SHA256(), _KEY_BYTES, salt=None, info=b"mlsploit token signing v1")
        self.private = Ed25519PrivateKey.from_private_bytes(derive.derive(secret.encode()))
        self.public = self.private.public_key()
        raw = self.public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        jwk = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(raw)}
        canonical = json.dumps(jwk, separators=(",", ":"), sort_keys=True)
        self.key_id = _base64url(hashlib.sha256(canonical.encode()).digest())
        self.jwk = {**jwk, "use": "sig", "alg": ALGORITHM, "kid": self.key_id}

    def sign(self, claims: Claims) -> str:
        headers = {"kid": self.key_id}
        return jwt.encode(claims.as_jwt(), self.private, algorithm=ALGORITHM, headers=headers)


class KeyRing:
    """The key that signs, and those that are believed beside it; this service's own KeySource."""

    def __init__(self, secret: str, others: Sequence[str] = ()):
        self.signing = SigningKey(secret)
        keys = [self.signing, *map(SigningKey, others)]
        self._keys = {key.key_id: key for key in keys}

    async def find(self, key_id: str) -> Ed25519PublicKey | None:
        key = self._keys.get(key_id)
        return None if key is None else key.public

    def jwks(self) -> dict[str, Any]:
        """RFC 7517: the public halves, for everybody."""
        return {"keys": [key.jwk for key in self._keys.values()]}


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
