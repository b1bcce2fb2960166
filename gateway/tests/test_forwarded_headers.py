"""Who may say which host the client used: the client's own Host, or a trusted proxy."""

from pathlib import Path

from gateway.tests.harness import Gateway, traefik

SPOOFED = {
    "Host": "api.example.org:8443",
    "X-Forwarded-Host": "elsewhere.example.org",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-For": "203.0.113.9",
}


def test_a_client_cannot_choose_what_is_forwarded(gateway: Gateway) -> None:
    headers = gateway.client.get("/api/v1/files/", headers=SPOOFED).json()["headers"]

    assert headers["host"] == headers["x-forwarded-host"] == "api.example.org:8443"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-for"] == "127.0.0.1"


def test_a_trusted_proxy_is_believed(upstreams: dict[str, str], tmp_path: Path) -> None:
    with traefik(tmp_path, upstreams, trusted=("127.0.0.0/8",)) as gateway:
        headers = gateway.client.get("/api/v1/files/", headers=SPOOFED).json()["headers"]

    assert headers["x-forwarded-host"] == "elsewhere.example.org"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-for"] == "203.0.113.9, 127.0.0.1"


def test_a_request_id_and_the_token_travel_on(gateway: Gateway) -> None:
    sent = {"X-Request-ID": "abc-1", "Authorization": "Token t", "X_Forwarded_Host": "evil"}

    headers = gateway.client.get("/api/v1/runs/", headers=sent).json()["headers"]

    assert (headers["x-request-id"], headers["authorization"]) == ("abc-1", "Token t")
    assert "x_forwarded_host" not in headers
