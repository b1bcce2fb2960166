"""Who is calling: verified tokens, their cache and their revocation.

Only `users` signs. The others hold its public keys and verify once per token; after that a token
costs a dictionary look-up until it expires or is revoked.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Annotated, Any, Protocol

import httpx
import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi import Request, Security
from fastapi.openapi.models import APIKey, APIKeyIn
from fastapi.security.base import SecurityBase

from shared import audit
from shared.errors import Forbidden, Unauthenticated, Unavailable

ALGORITHM = "EdDSA"
ISSUER = "mlsploit"
TOKENS_CACHED_MAX = 10_000
# The signer's clock may be ahead of ours; the end of a token is judged without leeway, below.
CLOCK_SKEW_SECONDS = 10
# A revocation outlives its token: a clock that was set forward and back makes that good again.
REVOCATION_SECONDS_MORE = 24 * 3600
# Made-up key ids must not make us ask `users` again and again.
JWKS_SECONDS_BETWEEN_FETCHES = 5.0
SCHEMES = frozenset({"token", "bearer"})


@dataclass(frozen=True)
class Caller:
    """A verified token. `scopes` is None for a person's own token, which may do all they may."""

    user_id: int
    username: str
    is_staff: bool
    token_id: str
    token: str
    expires_at: float
    scopes: frozenset[str] | None = None

    def may(self, *scopes: str) -> bool:
        """Whether the token has one of these scopes, or was never narrowed."""
        return self.scopes is None or not self.scopes.isdisjoint(scopes)

    @property
    def only_owner(self) -> int | None:
        """What reads are narrowed to: the caller's own things, or None for staff, who see all."""
        return None if self.is_staff else self.user_id


class KeySource(Protocol):
    async def find(self, key_id: str) -> Ed25519PublicKey | None: ...


class Revocations:
    """Tokens and users that are no longer believed, as the revocations bucket tells them."""

    def __init__(self) -> None:
        self._tokens: dict[str, float] = {}
        self._users: dict[int, float] = {}

    def revoke_token(self, token_id: str, *, expires_at: float) -> None:
        self._tokens[token_id] = expires_at

    def revoke_user(self, user_id: int, *, issued_before: float) -> None:
        self._users[user_id] = max(issued_before, self._users.get(user_id, 0.0))

    def covers(self, caller: Caller, issued_at: float) -> bool:
        return caller.token_id in self._tokens or issued_at <= self._users.get(caller.user_id, -1)

    async def on_entry(self, key: str, value: bytes) -> None:
        """`token.<id>` holds the token's expiry, `user.<id>` the last moment that is refused."""
        kind, _, name = key.partition(".")
        moment = float(orjson.loads(value))
        if kind == "token":
            oldest = time.time() - REVOCATION_SECONDS_MORE
            self._tokens = {k: v for k, v in self._tokens.items() if v > oldest}
            self.revoke_token(name, expires_at=moment)
        elif kind == "user":
            self.revoke_user(int(name), issued_before=moment)


class JwksKeys:
    """The public keys of `users`, fetched when a token names one that is not known yet."""

    def __init__(self, http: httpx.AsyncClient, url: str):
        self._http = http
        self._url = url
        self._keys: dict[str, Ed25519PublicKey] = {}
        self._fetched_at = float("-inf")

    async def find(self, key_id: str) -> Ed25519PublicKey | None:
        since = time.monotonic() - self._fetched_at
        if key_id not in self._keys and since > JWKS_SECONDS_BETWEEN_FETCHES:
            await self._fetch()
        return self._keys.get(key_id)

    async def _fetch(self) -> None:
        try:
            answer = await self._http.get(self._url)
            answer.raise_for_status()
        except httpx.HTTPError:
            raise Unavailable("Credentials cannot be checked at the moment.") from None
        self._fetched_at = time.monotonic()
        for key in jwt.PyJWKSet.from_dict(answer.json()).keys:
            if key.key_id is not None:
                self._keys[key.key_id] = key.key


class TokenVerifier:
    def __init__(self, keys: KeySource, revocations: Revocations):
        self._keys = keys
        self.revocations = revocations
        self._cache: OrderedDict[str, tuple[Caller, float]] = OrderedDict()
        self._used: set[str] = set()

    async def verify(self, token: str) -> Caller:
        """The caller, or Unauthenticated with the contract's text."""
        caller, issued_at = self._cache.get(token) or await self._verify_signature(token)
        if caller.expires_at <= time.time() or self.revocations.covers(caller, issued_at):
            self._cache.pop(token, None)
            raise Unauthenticated("Invalid token.")
        self._used.add(caller.token_id)
        return caller

    def take_used(self) -> set[str]:
        """The ids of the tokens that were believed since this was asked last."""
        used, self._used = self._used, set()
        return used

    async def _verify_signature(self, token: str) -> tuple[Caller, float]:
        try:
            key = await self._keys.find(str(jwt.get_unverified_header(token).get("kid")))
            if key is None:
                raise Unauthenticated("Invalid token.")
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                leeway=CLOCK_SKEW_SECONDS,
                # When it was issued says nothing of whether it is good (RFC 7519): after a clock
                # was set back, everybody's tokens of the last hour were "issued in the future".
                options={"require": ["exp", "iat", "sub", "jti"], "verify_iat": False},
            )
            entry = (_caller(token, claims), float(claims["iat"]))
        except (jwt.PyJWTError, ValueError):
            raise Unauthenticated("Invalid token.") from None
        self._cache[token] = entry
        if len(self._cache) > TOKENS_CACHED_MAX:
            self._cache.popitem(last=False)
        return entry


def _caller(token: str, claims: dict[str, Any]) -> Caller:
    scope = claims.get("scope")
    return Caller(
        user_id=int(claims["sub"]),
        username=str(claims.get("name", "")),
        is_staff=bool(claims.get("staff", False)),
        token_id=str(claims["jti"]),
        token=token,
        expires_at=float(claims["exp"]),
        scopes=None if scope is None else frozenset(str(scope).split()),
    )


def token_from(header: str | None) -> str:
    """The token in an Authorization header; schemes `Token` and `Bearer` mean the same."""
    scheme, *rest = (header or "").split() or [""]
    if scheme.lower() not in SCHEMES:
        raise Unauthenticated
    if not rest:
        raise Unauthenticated("Invalid token header. No credentials provided.")
    if len(rest) > 1:
        raise Unauthenticated("Invalid token header. Token string should not contain spaces.")
    return rest[0]


async def authenticate(request: Request) -> Caller:
    verifier: TokenVerifier = request.app.state.verifier
    caller = await verifier.verify(token_from(request.headers.get("authorization")))
    if caller.is_staff and caller.scopes is None:
        audit.begin_request(f"{caller.username} (user {caller.user_id})", request)
    return caller


class _ScopedCaller(SecurityBase):
    """A dependency that the API's document shows: one beside it for that would cost a request."""

    def __init__(self, *scopes: str):
        # An API key, because two schemes mean the same.
        self.model = APIKey(**{"in": APIKeyIn.header}, name="Authorization")
        self.scheme_name = "Token"
        self._scopes = scopes

    async def __call__(self, request: Request) -> Caller:
        caller = await authenticate(request)
        if not caller.may(*self._scopes):
            needed = " or ".join(self._scopes) or "a token without scopes"
            raise Forbidden(f"This token's scopes do not allow it; needed: {needed}.")
        return caller


def requires(*scopes: str) -> Any:
    """A dependency: callers whose token has one of these scopes, or is not narrowed at all."""
    return Security(_ScopedCaller(*scopes), scopes=scopes)


# A whole token: one that was narrowed to scopes opens only routes that ask for one of them.
CallerDep = Annotated[Caller, requires()]
