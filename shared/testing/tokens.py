"""A signer for tests of services that only verify: real Ed25519, published as JWKS by Peers."""

import time
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from jwt.algorithms import OKPAlgorithm

from shared.auth import ALGORITHM, ISSUER

KEY_ID = "test"


class Signer:
    def __init__(self, key: Ed25519PrivateKey | None = None, key_id: str = KEY_ID) -> None:
        self._key = key or Ed25519PrivateKey.generate()
        self.key_id = key_id

    @property
    def public_key(self) -> Ed25519PublicKey:
        return self._key.public_key()

    def jwks(self) -> dict[str, Any]:
        jwk = OKPAlgorithm.to_jwk(self.public_key, as_dict=True)
        return {"keys": [{**jwk, "kid": self.key_id, "use": "sig", "alg": ALGORITHM}]}

    def token(
        self,
        user_id: int = 1,
        *,
        is_staff: bool = False,
        scopes: str | None = None,
        lives_seconds: float = 3600,
        **claims: Any,
    ) -> str:
        now = time.time()
        content = {
            "iss": ISSUER,
            "sub": str(user_id),
            "jti": uuid4().hex,
            "name": f"user{user_id}",
            "staff": is_staff,
            "iat": now,
            "exp": now + lives_seconds,
            **({} if scopes is None else {"scope": scopes}),
            **claims,
        }
        # A claim of None is left out.
        told = {name: value for name, value in content.items() if value is not None}
        return jwt.encode(told, self._key, algorithm=ALGORITHM, headers={"kid": self.key_id})

    def headers(
        self, user_id: int = 1, *, is_staff: bool = False, scopes: str | None = None
    ) -> dict[str, str]:
        """What a caller sends: `client.get(url, headers=signer.headers(7))`."""
        token = self.token(user_id, is_staff=is_staff, scopes=scopes)
        return {"Authorization": f"Token {token}"}
