"""What is counted of each request, and what is not."""

import httpx
from prometheus_client import REGISTRY

from shared.testing.tokens import Signer

ECHOES = "/api/v1/echoes/"
COUNTED = "mlsploit_http_requests_total"


def count(method: str, route: str, status: int) -> float:
    labels = {"method": method, "route": route, "status": str(status)}
    return REGISTRY.get_sample_value(COUNTED, labels) or 0


async def test_a_request_counts_for_the_template_of_its_route(
    client: httpx.AsyncClient, signer: Signer
) -> None:
    route = f"{ECHOES}{{echo_id}}/"
    before = count("GET", route, 500), count("GET", ECHOES, 200)

    await client.get(f"{ECHOES}7/")
    await client.get(f"{ECHOES}8/")
    await client.get(ECHOES, headers=signer.headers())

    assert (count("GET", route, 500), count("GET", ECHOES, 200)) == (before[0] + 2, before[1] + 1)


async def test_made_up_paths_and_methods_make_no_new_labels(client: httpx.AsyncClient) -> None:
    await client.request("BREW", "/made/up/0")
    known = labels_in_use()

    for number in range(20):
        await client.request(f"BREW{number}", f"/made/up/{number}")
        await client.request("GET", f"{ECHOES}{number}/made/up")

    assert {"BREW", "/made/up/0"}.isdisjoint(known)
    assert labels_in_use() - known <= {"GET", "unmatched"}


async def test_health_is_asked_too_often_to_be_counted(client: httpx.AsyncClient) -> None:
    for path in ("/healthz", "/livez", "/readyz", "/metrics"):
        await client.get(path)

    assert {"/healthz", "/livez", "/readyz", "/metrics"}.isdisjoint(labels_in_use())


def labels_in_use() -> set[str]:
    return {
        label
        for family in REGISTRY.collect()
        for sample in family.samples
        if sample.name == COUNTED
        for label in (sample.labels["method"], sample.labels["route"])
    }
