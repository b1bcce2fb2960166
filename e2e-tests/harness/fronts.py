"""What proxies in front of the gateway have alike: how they are configured, asked and ended.

Their configuration is the one that our own guide shows, with the places of the test put in.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
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
from dev.waiting import eventually
from shared.clock import utc_now

GUIDE = ROOT / "docs" / "how-to" / "put-a-proxy-in-front.md"
NAME = "api.example.org"
# Every address in 127.0.0.0/8 is this machine: one for each part that somebody plays.
PROXY, CLIENT = "127.0.0.9", "127.0.0.5"


@dataclass(frozen=True)
class Front:
    """Where the proxy listens; who asks comes from an address of their own."""

    port: int

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @contextmanager
    def client(self, address: str = CLIENT) -> Iterator[httpx.Client]:
        transport = httpx.HTTPTransport(local_address=address, verify=False)
        with httpx.Client(
            transport=transport, trust_env=False, base_url=self.url, headers={"Host": NAME}
        ) as client:
            yield client

    def asks(
        self, method: str, path: str, headers: Mapping[str, str], *, address: str = CLIENT
    ) -> httpx.Response:
        with self.client(address) as client:
            return client.request(method, path, headers=headers)


def find_program(name: str) -> str | None:
    """Also where a shell of an ordinary user does not look."""
    return shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")


def block_of_the_guide(language: str, ours: Mapping[str, str]) -> str:
    """The guide's configuration, each of its places replaced by the test's own."""
    [block] = re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    for theirs, mine in ours.items():
        assert theirs in block, theirs
        block = block.replace(theirs, mine)
    return str(block)


@contextmanager
def running(command: Sequence[str], port: int, log: Path) -> Iterator[Front]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        front = Front(port)
        eventually(lambda: process.poll() is not None or _answers(front), f"{command[0]} answers")
        assert process.poll() is None, log.read_text()
        yield front
    finally:
        process.terminate()
        process.wait(timeout=20)


def _answers(front: Front) -> bool:
    try:
        return front.asks("GET", "/healthz", {}).status_code == 200
    except httpx.TransportError:
        return False


def write_certificate(folder: Path) -> None:
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
