"""A real git server behind TLS: who may be asked is judged before, and nobody is followed."""

import os
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from fastapi import FastAPI

from services.modules.errors import RepositoryRefused
from services.modules.git import fetch
from services.modules.git_commands import Limits
from shared.testing.fixtures import Published
from shared.testing.tokens import Signer

pytestmark = pytest.mark.attack

Commit = Callable[..., str]
REGISTER = "/api/v1/modules/register/"
MOVED = "/moved"


class GitServer(ThreadingHTTPServer):
    """`git http-backend` over the folder's repositories; notes every path that was asked for."""

    def __init__(self, folder: Path, certificate: Path):
        super().__init__(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.folder = folder
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not believe the certificate ends the connection."""


class Handler(BaseHTTPRequestHandler):
    server: GitServer

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, *_words: object) -> None:
        """Nobody reads it."""

    def _answer(self) -> None:
        path, _, query = self.path.partition("?")
        self.server.asked.append(path)
        if path.startswith(MOVED):
            self.send_response(302)
            self.send_header("Location", self.server.url + self.path.removeprefix(MOVED))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        done = subprocess.run(
            ["git", "http-backend"],
            env=os.environ | self._environment(path, query),
            input=self.rfile.read(int(self.headers.get("Content-Length", 0))),
            capture_output=True,
            check=False,
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _environment(self, path: str, query: str) -> dict[str, str]:
        return {
            "GIT_PROJECT_ROOT": str(self.server.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
        }


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Key and certificate of 127.0.0.1, vouched for by nobody but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a test")])
    now = datetime.now(UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    kept = key.private_bytes(
        encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = tmp_path / "certificate.pem"
    file.write_bytes(kept + made.public_bytes(encoding))
    return file


@pytest.fixture
def git_server(tmp_path: Path, certificate: Path) -> Iterator[GitServer]:
    with GitServer(tmp_path, certificate) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def trusting(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an operator tells git of a certificate authority of their own."""
    monkeypatch.setenv("GIT_SSL_CAINFO", str(certificate))


@pytest.fixture
def admin(signer: Signer) -> dict[str, str]:
    return signer.headers(9, is_staff=True)


@pytest.fixture
def private_allowed(app: FastAPI) -> None:
    allowed = {"private_addresses_allowed": True}
    app.state.settings = app.state.settings.model_copy(update=allowed)


@pytest.mark.usefixtures("trusting", "private_allowed")
async def test_a_module_is_registered_and_updated_over_https(
    client: httpx.AsyncClient, admin: dict[str, str], git_server: GitServer, commit: Commit
) -> None:
    first = commit()
    body = {"name": "edge", "repo_url": f"{git_server.url}/repository/.git"}

    made = await client.post(REGISTER, headers=admin, json=body)

    assert made.status_code == 201, made.text
    assert (made.json()["commit"], made.json()["repo_url"]) == (first, body["repo_url"])
    second = commit("a change", file="README")
    updated = await client.post(f"{made.json()['url']}update/", headers=admin)
    assert (updated.status_code, updated.json()["commit"]) == (200, second)
    assert git_server.asked


@pytest.mark.usefixtures("trusting")
async def test_a_private_address_is_not_even_asked(
    client: httpx.AsyncClient,
    admin: dict[str, str],
    git_server: GitServer,
    commit: Commit,
    published: Published,
) -> None:
    commit()
    body = {"name": "edge", "repo_url": f"{git_server.url}/repository/.git"}

    refused = await client.post(REGISTER, headers=admin, json=body)

    assert refused.json() == {"repo_url": ["'127.0.0.1' is not a public address"]}
    assert (git_server.asked, await published()) == ([], [])


@pytest.mark.usefixtures("trusting", "private_allowed")
async def test_a_server_that_sends_elsewhere_is_not_followed(
    client: httpx.AsyncClient, admin: dict[str, str], git_server: GitServer, commit: Commit
) -> None:
    commit()
    body = {"name": "edge", "repo_url": f"{git_server.url}{MOVED}/repository/.git"}

    refused = await client.post(REGISTER, headers=admin, json=body)

    assert (refused.status_code, list(refused.json())) == (400, ["repo_url"])
    assert git_server.asked
    assert all(path.startswith(MOVED) for path in git_server.asked)


@pytest.mark.usefixtures("trusting")
async def test_nobody_is_followed_for_the_command_line_either(
    git_server: GitServer, commit: Commit, limits: Limits
) -> None:
    commit()

    with pytest.raises(RepositoryRefused, match="the server sends elsewhere"):
        await fetch(f"{git_server.url}{MOVED}/repository/.git", None, limits)

    assert all(path.startswith(MOVED) for path in git_server.asked)


@pytest.mark.usefixtures("private_allowed")
async def test_a_certificate_that_nobody_vouches_for_is_refused(
    client: httpx.AsyncClient, admin: dict[str, str], git_server: GitServer, commit: Commit
) -> None:
    commit()
    body = {"name": "edge", "repo_url": f"{git_server.url}/repository/.git"}

    refused = await client.post(REGISTER, headers=admin, json=body)

    assert refused.status_code == 400
    assert "certificate" in refused.json()["repo_url"][0]
    assert git_server.asked == []
