import time
from typing import Any
from uuid import uuid4

import pytest

from services.users.keys import Claims, SigningKey
from services.users.tests.conftest import SECRET
from shared.testing.conformance import ServiceConformance
from shared.testing.tokens import Signer


class OwnSigner(Signer):
    """This service believes its own key only."""

    def __init__(self) -> None:
        super().__init__()
        self._own = SigningKey(SECRET)

    def token(
        self,
        user_id: int = 1,
        *,
        is_staff: bool = False,
        scopes: str | None = None,
        lives_seconds: float = 3600,
        **_claims: Any,
    ) -> str:
        now = time.time()
        return self._own.sign(
            Claims(
                uuid4().hex,
                user_id,
                f"user{user_id}",
                is_staff=is_staff,
                issued_at=now,
                expires_at=now + lives_seconds,
                scopes=scopes,
            )
        )


class TestUsers(ServiceConformance):
    collections = ("/api/v1/users/",)

    @pytest.fixture
    def signer(self) -> Signer:
        return OwnSigner()
