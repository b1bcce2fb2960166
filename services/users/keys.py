"""The signing key, derived from the secret, and the tokens it signs.

HKDF (RFC 5869) makes the same Ed25519 key on every replica; the key's id is its RFC 7638
thumbprint, so a new secret means a new id and other services fetch the new key by themselves.
"""

import base64
import hashlib
import json
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
    """Signs tokens, and is the KeySource of this service's own verifier."""

    def __init__(self, secret: str):
        derive = HKDF(SHA256(), _KEY_BYTES, salt=None, info=b"mlsploit token signing v1")
        self._private = Ed25519PrivateKey.from_private_bytes(derive.derive(secret.encode()))
        self._public = self._private.public_key()
        raw = self._public.public_bytes(Encoding.Raw, PublicFormat.Raw)
        self._jwk = {"crv": "Ed25519", "kty": "OKP", "x": _base64url(raw)}
        canonical = json.dumps(self._jwk, separators=(",", ":"), sort_keys=True)
        self.key_id = _base64url(hashlib.sha256(canonical.encode()).digest())

    def sign(self, claims: Claims) -> str:
        headers = {"kid": self.key_id}
        return jwt.encode(claims.as_jwt(), self._private, algorithm=ALGORITHM, headers=headers)

    async def find(self, key_id: str) -> Ed25519PublicKey | None:
        return self._public if key_id == self.key_id else None

    def jwks(self) -> dict[str, Any]:
        """RFC 7517: the public half, for everybody."""
        return {"keys": [{**self._jwk, "use": "sig", "alg": ALGORITHM, "kid": self.key_id}]}


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
