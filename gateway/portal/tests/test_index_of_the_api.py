"""`/api/v1/` names the eight collections to whoever is signed in."""

import httpx
import pytest

NAMES = ["modules", "functions", "users", "files", "pipelines", "tasks", "runs", "jobs"]


async def test_the_index_names_the_collections_on_the_host_of_the_client(
    client: httpx.AsyncClient, token: str
) -> None:
    response = await client.get("/api/v1/?x=1", headers={"Authorization": f"Token {token}"})

    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert list(response.json().items()) == [
        (name, f"http://api.example.org:81/api/v1/{name}/") for name in NAMES
    ]


@pytest.mark.parametrize(
    ("header", "detail"),
    [
        (None, "Authentication credentials were not provided."),
        ("Basic YTpi", "Authentication credentials were not provided."),
        ("Token x", "Invalid token."),
        ("Token", "Invalid token header. No credentials provided."),
        ("Token a b", "Invalid token header. Token string should not contain spaces."),
    ],
)
async def test_nobody_else_sees_it(
    client: httpx.AsyncClient, header: str | None, detail: str
) -> None:
    headers = {} if header is None else {"Authorization": header}

    response = await client.get("/api/v1/", headers=headers)

    assert (response.status_code, response.json()) == (401, {"detail": detail})
    assert "www-authenticate" in response.headers


async def test_it_can_only_be_read(client: httpx.AsyncClient, token: str) -> None:
    response = await client.post("/api/v1/", json={}, headers={"Authorization": f"Token {token}"})

    assert (response.status_code, response.json()) == (
        405,
        {"detail": 'Method "POST" not allowed.'},
    )
    assert response.headers["allow"] == "GET, HEAD, OPTIONS"


async def test_head_answers_like_get(client: httpx.AsyncClient, token: str) -> None:
    response = await client.head("/api/v1/", headers={"Authorization": f"bearer {token}"})

    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")


async def test_without_the_final_slash_it_redirects(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1")

    assert (response.status_code, response.headers["location"]) == (301, "/api/v1/")


async def test_a_preflight_is_answered_before_credentials(client: httpx.AsyncClient) -> None:
    headers = {"Origin": "http://ui.example", "Access-Control-Request-Method": "GET"}

    response = await client.options("/api/v1/", headers=headers)

    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == "*"
