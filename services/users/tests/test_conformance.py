import pytest

from services.users.keys import SigningKey
from services.users.tests.conftest import SECRET
from shared.testing.conformance import ServiceConformance
from shared.testing.tokens import Signer


class TestUsers(ServiceConformance):
    collections = ("/api/v1/users/",)

    @pytest.fixture
    def signer(self) -> Signer:
        """This service believes its own key only."""
        own = SigningKey(SECRET)
        return Signer(own.private, own.key_id)
