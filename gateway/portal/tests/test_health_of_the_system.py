"""One page says whether everything works, and names what does not."""

import httpx
import pytest

from gateway.portal.tests.network import Services


async def test_a_system_whose_services_are_all_ready_is_ready(client: httpx.AsyncClient) -> None:
    response = await client.get("/healthz")

    names = ("users", "files", "modules", "pipelines", "runs")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ready",
        "services": {name: {"status": "ready"} for name in names},
    }


@pytest.mark.parametrize("body", [{"status": "unready"}, b"busy", b"[]"])
async def test_one_unready_service_makes_the_system_unready(
    client: httpx.AsyncClient, services: Services, body: object
) -> None:
    services.answers["files", "/readyz"] = (503, body)

    response = await client.get("/healthz")

    assert response.status_code == 503
    assert response.json()["services"]["files"]["status"] in ("unready", "unreachable")
    assert response.json()["services"]["runs"] == {"status": "ready"}


async def test_a_failing_check_is_named_without_its_text(
    client: httpx.AsyncClient, services: Services
) -> None:
    checks = {"database": "ok", "nats": "cannot reach nats://secret@10.0.0.1"}
    services.answers["runs", "/readyz"] = (503, {"status": "unready", "checks": checks})

    response = await client.get("/healthz")

    assert response.json()["services"]["runs"] == {"status": "unready", "failing": ["nats"]}


async def test_a_service_that_is_away_is_unreachable(
    client: httpx.AsyncClient, services: Services
) -> None:
    services.away = {"users"}

    response = await client.get("/healthz")

    assert response.status_code == 503
    assert response.json()["services"]["users"] == {"status": "unreachable"}


async def test_a_replica_that_is_leaving_is_not_the_service(
    client: httpx.AsyncClient, services: Services
) -> None:
    services.leaving = {"users", "runs"}

    response = await client.get("/healthz")

    assert response.status_code == 200, response.text
    assert services.leaving == set()


async def test_the_portal_itself_is_ready_without_them(
    client: httpx.AsyncClient, services: Services
) -> None:
    services.away = {"users", "files", "modules", "pipelines", "runs"}

    assert (await client.get("/readyz")).status_code == 200
