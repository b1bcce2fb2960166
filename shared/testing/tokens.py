"""A signer for tests of services that only verify: real Ed25519, published as JWKS by Peers."""

import time
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from shared.auth import ALGORITHM, ISSUER

KEY_ID = "test"


class Signer:
    def __init__(self) -> None:
        self._key = Ed25519PrivateKey.generate()

    def jwks(self) -> dict[str, Any]:
        jwk = OKPAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**jwk, "kid": KEY_ID, "use": "sig", "alg": ALGORITHM}]}

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
        return jwt.encode(content, self._key, algorithm=ALGORITHM, headers={"kid": KEY_ID})

    def headers(
        self, user_id: int = 1, *, is_staff: bool = False, scopes: str | None = None
    ) -> dict[str, str]:
        """What a caller sends: `client.get(url, headers=signer.headers(7))`."""
        token = self.token(user_id, is_staff=is_staff, scopes=scopes)
        return {"Authorization": f"Token {token}"}
