"""A path that belongs to a service, while no copy of it runs, is unavailable and not unknown."""

import httpx
import pytest

from gateway.portal.routes.system import SERVICE_PREFIXES


@pytest.mark.parametrize("prefix", SERVICE_PREFIXES)
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH", "DELETE", "HEAD"])
async def test_a_path_of_a_service_is_told_to_be_unavailable(
    client: httpx.AsyncClient, prefix: str, method: str
) -> None:
    response = await client.request(method, f"{prefix.rstrip('/')}/1/")

    assert (response.status_code, response.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize("path", ["/nowhere/", "/admin/", "/api/v1/nothing/", "/favicon.ico"])
async def test_an_unknown_path_is_not_found_in_json(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)

    assert (response.status_code, response.json()) == (404, {"detail": "Not found."})
