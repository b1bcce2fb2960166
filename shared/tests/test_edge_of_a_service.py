from pathlib import Path

import httpx
import pytest

from shared.app import Service, create_app
from shared.settings import ServiceSettings
from shared.telemetry import told_path
from shared.testing.conformance import ServiceConformance
from shared.testing.fixtures import HOST
from shared.testing.peers import Peers
from shared.testing.tokens import Signer
from shared.tests.conftest import router

ECHOES = "/api/v1/echoes/"


async def test_a_fault_of_ours_is_told_without_its_reason(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{ECHOES}7/")
    assert (answer.status_code, answer.json()) == (500, {"detail": "A server error occurred."})


async def test_what_is_no_id_in_a_path_names_nothing(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"{ECHOES}x/")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not found."})


@pytest.mark.parametrize(
    ("headers", "base"),
    [
        ({}, HOST),
        ({"Host": "mlsploit.test:8000"}, "http://mlsploit.test:8000"),
        ({"X-Forwarded-Host": "other.test:8443"}, "http://other.test:8443"),
        ({"X-Forwarded-Proto": "https"}, HOST),
        ({"X-Forwarded-Port": "99"}, HOST),
    ],
)
async def test_links_are_built_from_the_host_the_client_used(
    client: httpx.AsyncClient, signer: Signer, headers: dict[str, str], base: str
) -> None:
    answer = await client.get(ECHOES, headers={**signer.headers(), **headers})
    assert answer.json() == {"base": base}


@pytest.mark.parametrize(
    "host",
    [
        "evil.test",
        "mlsploit.test,other.test",
        "mlsploit.test.evil",
        "a.mlsploit.test",
        "evilwild.test",
        "wild.test.evil",
        "user@mlsploit.test",
        "mlsploit.test:80:80",
        "mlsploit.test:x",
        "mlsploit.test/..",
        "[::2]",
        "",
    ],
)
async def test_a_host_that_is_not_ours_is_refused(client: httpx.AsyncClient, host: str) -> None:
    answer = await client.get("/healthz", headers={"X-Forwarded-Host": host})
    assert (answer.status_code, answer.json()) == (400, {"detail": "Invalid host."})


@pytest.mark.parametrize(
    "host",
    ["MLSPLOIT.test", "mlsploit.test.", "wild.test", "a.b.Wild.test:443", "[::1]", "[::1]:8000"],
)
async def test_a_host_is_ours_by_its_name_or_as_one_below_a_dotted_one(
    client: httpx.AsyncClient, host: str
) -> None:
    answer = await client.get("/healthz", headers={"X-Forwarded-Host": host})
    assert answer.status_code == 200


async def test_head_is_answered_like_get(client: httpx.AsyncClient, signer: Signer) -> None:
    answer = await client.head(ECHOES, headers=signer.headers())
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("header", "detail"),
    [
        ("", "Authentication credentials were not provided."),
        ("Basic abc", "Authentication credentials were not provided."),
        ("Token", "Invalid token header. No credentials provided."),
        ("token a b", "Invalid token header. Token string should not contain spaces."),
        ("Bearer a.b.c", "Invalid token."),
    ],
)
async def test_bad_credentials_are_told_in_the_contracts_words(
    client: httpx.AsyncClient, header: str, detail: str
) -> None:
    answer = await client.get(ECHOES, headers={"Authorization": header})
    assert (answer.status_code, answer.json()) == (401, {"detail": detail})
    assert "www-authenticate" in answer.headers


async def test_a_token_of_an_unknown_signer_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.get(ECHOES, headers=Signer().headers())
    assert (answer.status_code, answer.json()) == (401, {"detail": "Invalid token."})


async def test_the_scheme_of_a_token_may_be_written_in_any_case(
    client: httpx.AsyncClient, signer: Signer
) -> None:
    for scheme in ("Token", "TOKEN", "bearer", "Bearer"):
        headers = {"Authorization": f"{scheme} {signer.token()}"}
        assert (await client.get(ECHOES, headers=headers)).status_code == 200


async def test_without_the_users_service_known_keys_still_count(
    client: httpx.AsyncClient, signer: Signer, peers: Peers
) -> None:
    first = await client.get(ECHOES, headers=signer.headers())
    peers.silence("GET", "http://users:8000/auth/jwks.json")
    second = await client.get(ECHOES, headers=signer.headers(2))
    assert (first.status_code, second.status_code) == (200, 200)


async def test_credentials_that_cannot_be_checked_are_neither_right_nor_wrong(
    client: httpx.AsyncClient, signer: Signer, peers: Peers
) -> None:
    peers.silence("GET", "http://users:8000/auth/jwks.json")
    answer = await client.get(ECHOES, headers=signer.headers())
    assert answer.status_code == 503
    assert "retry-after" in answer.headers


def test_a_wrong_setting_ends_the_process_with_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLSPLOIT_API_DEBUG_MODE", "perhaps")
    with pytest.raises(SystemExit, match=r"^MLSPLOIT_API_DEBUG_MODE: "):
        ServiceSettings.load()


class TestEcho(ServiceConformance):
    collections = (ECHOES,)

    async def test_every_route_outside_the_public_ones_wants_credentials(self) -> None:  # type: ignore[override]
        """The echo is open on purpose; the other four services have this claim tested."""

    async def test_a_token_narrowed_to_something_else_opens_no_route(self) -> None:  # type: ignore[override]
        """For the same reason."""


async def test_behind_https_browsers_are_told_to_stay_there(tmp_path: Path, peers: Peers) -> None:
    settings = ServiceSettings(data_dir=tmp_path, nats_url="", hosting_ssl_enabled=True)
    described = Service(
        name="echo", title="Echo", settings=settings, routers=(router,), migrations=None
    )
    app = create_app(described, transport=peers)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOST) as client:
        answer = await client.get("/healthz")

    assert answer.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/api/v1/files/12/", "/api/v1/files/12/"),
        ("/media/files/1.1796000000.aaaaaaaaaaaaaaaaaaaaaaaaaaa/a.txt", "/media/files/.../a.txt"),
        (f"/auth/tokens/{'a' * 32}/", "/auth/tokens/.../"),
        ("/" + "x" * 10_000, "/..."),
    ],
)
def test_a_log_tells_no_part_of_a_path_that_could_be_a_key(path: str, told: str) -> None:
    assert told_path(path) == told
