"""Deliveries of the service as it runs: nobody asks for them, and real certificates are judged."""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from services.runs.live.testing import Running
from services.runs.webhooks.testing import Receiver, running_receiver
from shared.testing.eventually import eventually

Replicas = Callable[..., AbstractAsyncContextManager[Running]]

NAME = "hooks.example"
NEVER_SECONDS = 3600.0
MADE = ["runs.run.created.v1"]
OPEN = {"webhook_private_addresses_allowed": True, "webhook_http_allowed": True}


async def arrived(receiver: Receiver, times: int) -> None:
    async def are_there() -> bool:
        return len(receiver.received) >= times

    await eventually(are_there)


async def test_what_is_committed_is_delivered_without_a_look_for_it(replicas: Replicas) -> None:
    quiet = OPEN | {"webhook_look_seconds": NEVER_SECONDS}
    async with running_receiver() as receiver, replicas(**quiet) as here:
        await here.api.add_webhook(receiver.url(), events=MADE)
        for number in range(3):
            await here.api.start_run(jobs=1)
            await arrived(receiver, number + 1)

    assert len(set(receiver.ids)) == 3


async def test_what_failed_is_tried_again_by_itself(replicas: Replicas) -> None:
    quick = OPEN | {"webhook_look_seconds": 0.05, "webhook_retry_seconds": 0.05}
    async with running_receiver() as receiver, replicas(**quick) as here:
        receiver.will_answer(500, 503)
        await here.api.add_webhook(receiver.url(), events=MADE)
        await here.api.start_run(jobs=1)
        await arrived(receiver, 3)

    assert receiver.ids == receiver.ids[:1] * 3


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """Key and certificate of one name, vouched for by nobody but itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    kept = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = tmp_path / "authority.pem"
    file.write_bytes(kept + made.public_bytes(pem))
    return file


@pytest.mark.parametrize(
    ("host", "is_trusted", "error"),
    [
        (NAME, True, None),
        ("other.example", True, "Hostname mismatch"),
        (NAME, False, "certificate verify failed"),
    ],
)
async def test_a_receiver_must_have_a_certificate_of_the_name_that_was_given(
    host: str,
    is_trusted: bool,
    error: str | None,
    replicas: Replicas,
    authority: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Although the connection goes to an address: the one that was judged."""
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    loop = asyncio.get_running_loop()
    look_up = loop.getaddrinfo

    async def resolve(name: Any, *rest: Any, **options: Any) -> Any:
        return await look_up("127.0.0.1" if name == host else name, *rest, **options)

    monkeypatch.setattr(loop, "getaddrinfo", resolve)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(authority)
    async with (
        running_receiver(tls) as receiver,
        replicas(webhook_private_addresses_allowed=True) as here,
    ):
        webhook = await here.api.add_webhook(f"https://{host}:{receiver.port}/hook", events=MADE)
        await here.api.start_run(jobs=1)

        async def is_tried() -> list[dict[str, Any]]:
            shown = await here.api.deliveries(webhook)
            return [each for each in shown if each["attempts"]]

        [tried] = await eventually(is_tried)

    assert [each.path for each in receiver.received] == ([] if error else ["/hook"])
    assert error is None or error in tried["error"]
