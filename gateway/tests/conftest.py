"""One Traefik for all tests that need no other; six servers behind it."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from gateway.portal.main import build
from gateway.portal.settings import PortalSettings
from gateway.tests.harness import SERVICES, Echo, Gateway, free_port, serving, traefik


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


@pytest.fixture(scope="session")
def front(upstreams: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Another Traefik, with the real portal behind it and no files service."""
    urls = {f"{name}_url": url for name, url in upstreams.items()}
    portal = build(PortalSettings.model_validate({"nats_url": "", **urls}))
    away = f"http://127.0.0.1:{free_port()}"
    with (
        serving(portal, http="h11") as url,
        traefik(
            tmp_path_factory.mktemp("front"), upstreams | {"portal": url, "files": away}
        ) as running,
    ):
        yield running
