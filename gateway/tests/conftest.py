"""One Traefik for all tests that need no other; six servers behind it."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from gateway.tests.harness import SERVICES, Echo, Gateway, serving, traefik


@pytest.fixture(scope="session")
def upstreams() -> Iterator[dict[str, str]]:
    with ExitStack() as stack:
        yield {name: stack.enter_context(serving(Echo(name))) for name in SERVICES}


@pytest.fixture(scope="session")
def gateway(
    upstreams: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    with traefik(tmp_path_factory.mktemp("traefik"), upstreams) as running:
        yield running
