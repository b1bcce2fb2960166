"""Every public path reaches its owner; what is internal reaches nobody."""

import pytest

from gateway.tests.harness import Gateway, as_sent


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("/auth/login/", "users"),
        ("/auth/jwks.json", "users"),
        ("/auth/user", "users"),
        ("/api/v1/users/", "users"),
        ("/api/v1/users/1/", "users"),
        ("/api/v1/files", "files"),
        ("/api/v1/files/?kind=INPUT", "files"),
        ("/media/files/slug/name.png", "files"),
        ("/api/v1/modules/", "modules"),
        ("/api/v1/functions/3/", "modules"),
        ("/api/v1/pipelines/", "pipelines"),
        ("/api/v1/tasks/", "pipelines"),
        ("/api/v1/runs/", "runs"),
        ("/api/v1/jobs?status=PENDING", "runs"),
        ("/api/v1/jobs/7/claim/", "runs"),
        ("/", "portal"),
        ("/docs", "portal"),
        ("/openapi.json", "portal"),
        ("/api/v1/", "portal"),
        ("/api/v1", "portal"),
        ("/healthz", "portal"),
        ("/no/such/page", "portal"),
    ],
)
def test_a_path_reaches_its_owner(gateway: Gateway, path: str, owner: str) -> None:
    assert gateway.who(path) == owner


@pytest.mark.parametrize(
    "path",
    [
        "/internal/anything/",
        "/metrics",
        "/readyz",
        "/livez",
        "//metrics",
        "/%6detrics",
        "/media/../metrics",
        "/api/v1/files/%2e%2e/%2e%2e/%2e%2e/internal/x",
        "/api/v1/../../readyz",
    ],
)
def test_an_internal_path_is_answered_as_one_that_does_not_exist(
    gateway: Gateway, path: str
) -> None:
    assert as_sent(gateway, path)["path"] == "/nowhere"


def test_a_doubled_slash_means_one(gateway: Gateway) -> None:
    assert as_sent(gateway, "/api/v1//files/")["path"] == "/api/v1/files/"
