"""A service that is away is told in the contract's shape; what a service says is left alone."""

from pathlib import Path

import pytest

from gateway.tests.harness import Gateway, free_port, traefik


def test_a_service_that_is_away_is_told_by_the_portal(
    upstreams: dict[str, str], portal: str, tmp_path: Path
) -> None:
    urls = upstreams | {"portal": portal, "files": f"http://127.0.0.1:{free_port()}"}
    with traefik(tmp_path, urls) as gateway:
        response = gateway.client.get("/api/v1/files/", headers={"Origin": "http://ui.example"})

    assert response.status_code == 503
    assert response.json() == {"detail": "A part of the system does not answer. Try again shortly."}
    assert response.headers["retry-after"] == "1"
    assert response.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("path", ["/no/such/page", "/metrics", "/internal/unavailable", "/admin/"])
def test_a_path_that_nobody_owns_is_not_found_in_json(
    upstreams: dict[str, str], portal: str, tmp_path: Path, path: str
) -> None:
    with traefik(tmp_path, upstreams | {"portal": portal}) as gateway:
        response = gateway.client.get(path)

    assert (response.status_code, response.json()) == (404, {"detail": "Not found."})


def test_a_service_own_503_is_passed_on_as_it_is(gateway: Gateway) -> None:
    response = gateway.client.get("/api/v1/runs/busy/")

    assert (response.status_code, response.json()) == (
        503,
        {"detail": "pipelines does not answer."},
    )
