"""A system that is watched: its traces are collected, and a proxy in front of it is believed."""

from collections.abc import Iterator

import pytest
from harness.collector import Collector, collecting
from harness.fronts import NAME, PROXY
from harness.leftovers import expect_no_leftovers

from dev.stack import Stack

# Batches leave at once: nobody waits five seconds for each.
BATCH_MILLISECONDS = "100"
# From one address.
LOGIN_FAILURES_MAX = 3


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    with collecting() as collector, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", BATCH_MILLISECONDS)
        yield collector


@pytest.fixture(scope="session")
def watched(collector: Collector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    settings = {
        "MLSPLOIT_OTLP_ENDPOINT": collector.url,
        "MLSPLOIT_TRUSTED_PROXIES": PROXY,
        "MLSPLOIT_HOSTING_SSL_ENABLED": "true",
        "MLSPLOIT_API_ALLOWED_HOSTS": NAME,
        "MLSPLOIT_USERS_LOGIN_FAILURES_PER_ADDRESS_MAX": str(LOGIN_FAILURES_MAX),
    }
    with Stack(tmp_path_factory.mktemp("watched") / "data", settings) as stack:
        yield stack
        expect_no_leftovers(stack)
