"""The pages work in a browser that can reach nothing but this host."""

import re

import httpx
import pytest
from openapi_spec_validator import validate

from gateway.portal.tests.network import Services

PAGES = ("/", "/docs")


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_loads_nothing_from_outside(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)

    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in response.headers["content-security-policy"]
    loaded = re.findall(r'(?:src|href)="([^"]+)"', response.text)
    assert loaded
    assert [link for link in loaded if not link.startswith("/")] == []


@pytest.mark.parametrize("path", PAGES)
async def test_all_that_a_page_links_to_is_there(client: httpx.AsyncClient, path: str) -> None:
    page = await client.get(path)

    for link in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert (await client.get(link)).status_code == 200, link


async def test_the_quick_start_names_the_host_of_the_client(client: httpx.AsyncClient) -> None:
    page = await client.get("/", headers={"X-Forwarded-Host": 'a"<b>.example'})

    assert "curl http://a&quot;&lt;b&gt;.example/auth/registration/" in page.text


async def test_no_other_file_of_the_bundle_is_served(client: httpx.AsyncClient) -> None:
    for name in ("index.html", "swagger-ui.css.map", "..%2f__init__.py"):
        assert (await client.get(f"/docs/assets/{name}")).status_code == 404


async def test_the_document_covers_every_service_and_the_index(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()

    validate(document)
    assert set(document["paths"]) == {
        "/api/v1/",
        "/api/v1/users/",
        "/api/v1/files/",
        "/api/v1/modules/",
        "/api/v1/pipelines/",
        "/api/v1/runs/",
    }


async def test_a_service_that_is_away_is_named_in_the_document(
    client: httpx.AsyncClient, services: Services
) -> None:
    services.away = {"files"}

    document = (await client.get("/openapi.json")).json()

    assert "files" in document["info"]["description"]
    assert "/api/v1/runs/" in document["paths"]


async def test_a_document_is_fetched_once_for_many_readers(
    client: httpx.AsyncClient, services: Services
) -> None:
    await client.get("/openapi.json")
    services.away = {"files"}

    document = (await client.get("/openapi.json")).json()

    validate(document)
    assert "/api/v1/files/" in document["paths"]
    assert len([url for url in services.asked if url.endswith("/openapi.json")]) == 5


async def test_signing_in_is_possible_on_the_page_itself(client: httpx.AsyncClient) -> None:
    page = (await client.get("/docs")).text
    script = (await client.get("/docs/assets/start.js")).text

    assert '<form id="sign-in">' in page
    assert 'fetch("/auth/login/", { method: "POST"' in script
    assert 'preauthorizeApiKey("Token"' in script
