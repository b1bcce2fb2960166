"""What the real portal answers for: front pages, unknown paths, and services that are away."""

import pytest

from gateway.tests.harness import Gateway


def test_a_service_that_is_away_is_told_by_the_portal(front: Gateway) -> None:
    response = front.client.post(
        "/api/v1/files/", content=b"x", headers={"Origin": "http://ui.example"}
    )

    assert response.status_code == 503
    assert response.json() == {"detail": "A part of the system does not answer. Try again shortly."}
    assert response.headers["retry-after"] == "1"
    assert response.headers["access-control-allow-origin"] == "*"


def test_a_service_own_503_is_passed_on_as_it_is(front: Gateway) -> None:
    response = front.client.get("/api/v1/runs/busy/")

    assert response.status_code == 503
    assert response.json() == {"detail": "pipelines does not answer."}


@pytest.mark.parametrize(
    "path", ["/no/such/page", "/metrics", "/readyz", "/internal/unavailable", "/media%2Fx", "/auth"]
)
def test_a_path_that_nobody_owns_is_not_found_in_json(front: Gateway, path: str) -> None:
    response = front.client.get(path)

    assert (response.status_code, response.json()) == (404, {"detail": "Not found."})


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/healthz"])
def test_a_front_page_is_open_to_everybody(front: Gateway, path: str) -> None:
    assert front.client.get(path).status_code == 200


def test_the_front_page_names_the_address_the_client_used(front: Gateway) -> None:
    assert f"curl {front.url}/auth/registration/" in front.client.get("/").text


def test_the_index_of_the_api_asks_for_a_token(front: Gateway) -> None:
    assert front.client.get("/api/v1/").status_code == 401


@pytest.mark.parametrize("method", ["BREW", "TRACE", "PROPFIND", "get"])
@pytest.mark.parametrize("path", ["/api/v1/users/", "/api/v1/files/7/", "/auth/login/", "/docs"])
def test_a_method_that_no_service_has_is_405_in_json(
    front: Gateway, method: str, path: str
) -> None:
    request = front.client.build_request("GET", path)
    request.method = method
    response = front.client.send(request)

    assert response.status_code == 405
    assert response.json() == {"detail": f'Method "{method}" not allowed.'}
    assert "GET" in response.headers["allow"]
