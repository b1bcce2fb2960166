"""A real nginx in front of the gateway, with the configuration that our own guide shows."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dev.environment import ROOT
from dev.ports import free_ports
from dev.waiting import eventually
from shared.clock import utc_now

GUIDE = ROOT / "docs" / "how-to" / "put-a-proxy-in-front.md"
NAME = "api.example.org"
# Every address in 127.0.0.0/8 is this machine: one for each part that somebody plays.
PROXY, CLIENT = "127.0.0.9", "127.0.0.5"
MAIN = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    # The gateway tells the proxy from its other clients by this.
    proxy_bind {proxy};
{server}
}}
"""


@dataclass(frozen=True)
class Front:
    """Where nginx listens; who asks comes from an address of their own."""

    port: int

    def asks(self, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
        transport = httpx.HTTPTransport(local_address=CLIENT, verify=False)
        with httpx.Client(transport=transport, trust_env=False) as client:
            url = f"https://127.0.0.1:{self.port}{path}"
            return client.request(method, url, headers={"Host": NAME, **headers})


def find_nginx() -> str | None:
    """The program, also where a shell of an ordinary user does not look."""
    return shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


@contextmanager
def nginx_in_front_of(gateway: str, folder: Path) -> Iterator[Front]:
    program = find_nginx()
    assert program is not None
    port = next(free_ports())
    _write_certificate(folder)
    (folder / "nginx.conf").write_text(
        MAIN.format(folder=folder, proxy=PROXY, server=_server_of_the_guide(gateway, port, folder))
    )
    with (folder / "nginx.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "-p", str(folder), "-c", str(folder / "nginx.conf")], stdout=log, stderr=log
        )
    try:
        front = Front(port)
        eventually(lambda: _answers(front), "nginx answers")
        yield front
    finally:
        process.terminate()
        process.wait(timeout=20)


def _server_of_the_guide(gateway: str, port: int, folder: Path) -> str:
    [server] = re.findall(r"```nginx\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    ours = {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "http://127.0.0.1:8000": gateway,
        f"/etc/ssl/{NAME}.pem": f"{folder}/certificate.pem",
        f"/etc/ssl/{NAME}.key": f"{folder}/key.pem",
    }
    for theirs, mine in ours.items():
        assert theirs in server, theirs
        server = server.replace(theirs, mine)
    return str(server)


def _answers(front: Front) -> bool:
    try:
        return front.asks("GET", "/healthz", {}).status_code == 200
    except httpx.TransportError:
        return False


def _write_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(utc_now())
        .not_valid_after(utc_now() + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
