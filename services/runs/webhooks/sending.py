"""One try to deliver: a signed POST to an address that was judged, and nothing more.

Redirects are not followed, no proxy of the environment is used, and of the answer only the status
is read. The name is looked up and judged for each try, and the connection goes to that very
address; it is not kept, because the next name with this address may be another.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
from standardwebhooks import Webhook as Signer

from services.runs.models import Webhook, WebhookDelivery
from services.runs.settings import RunsSettings
from shared.addresses import AddressRefused, judged_address
from shared.clock import utc_now

PORTS = {"https": 443, "http": 80}
ERROR_CHARACTERS_MAX = 300
GONE = 410


@dataclass(frozen=True)
class Outcome:
    """The receiver's status, or why there is none."""

    status: int | None = None
    error: str | None = None

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def fault(self) -> str | None:
        return None if self.is_delivered else self.error or f"status {self.status}"


@asynccontextmanager
async def open_client() -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_keepalive_connections=0)
    # The public authorities, and those that this machine's operator has added (SSL_CERT_FILE).
    trusted = httpx.create_ssl_context(trust_env=False)
    trusted.load_default_certs()
    async with httpx.AsyncClient(trust_env=False, limits=limits, verify=trusted) as client:
        yield client


async def send(
    client: httpx.AsyncClient, webhook: Webhook, delivery: WebhookDelivery, settings: RunsSettings
) -> Outcome:
    try:
        async with asyncio.timeout(settings.webhook_timeout_seconds):
            return await _post(client, webhook, delivery, settings)
    except TimeoutError:
        return Outcome(error=f"no answer within {settings.webhook_timeout_seconds:g} s")
    except (AddressRefused, httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        return Outcome(error=(str(error) or type(error).__name__)[:ERROR_CHARACTERS_MAX])


async def judge(target: str, settings: RunsSettings) -> str:
    """The address to connect to; AddressRefused when this target may not be reached."""
    try:
        parts = urlsplit(target)
        host, port = parts.hostname, parts.port
        httpx.URL(target)
    except (ValueError, httpx.InvalidURL):
        raise AddressRefused("this is no valid address") from None
    schemes = ("https", "http") if settings.webhook_http_allowed else ("https",)
    if parts.scheme not in schemes or not host:
        raise AddressRefused(f"only {' and '.join(schemes)} addresses are called")
    if parts.username is not None or parts.password is not None:
        raise AddressRefused("an address with a user name or a password is not called")
    return await judged_address(
        host,
        port or PORTS[parts.scheme],
        is_private_allowed=settings.webhook_private_addresses_allowed,
    )


async def _post(
    client: httpx.AsyncClient, webhook: Webhook, delivery: WebhookDelivery, settings: RunsSettings
) -> Outcome:
    address = await judge(webhook.target, settings)
    named = httpx.URL(webhook.target)
    request = client.build_request(
        "POST",
        named.copy_with(host=address),
        content=delivery.body.encode(),
        headers={**_signed(webhook, delivery), "Host": named.netloc.decode("ascii")},
        extensions={"sni_hostname": named.raw_host.decode("ascii")},
    )
    answer = await client.send(request, stream=True, follow_redirects=False)
    await answer.aclose()
    return Outcome(status=answer.status_code)


def _signed(webhook: Webhook, delivery: WebhookDelivery) -> dict[str, str]:
    now = utc_now()
    secrets = [webhook.secret]
    if webhook.old_secret and webhook.old_secret_until and webhook.old_secret_until > now:
        secrets.append(webhook.old_secret)
    signatures = [Signer(each).sign(delivery.message_id, now, delivery.body) for each in secrets]
    return {
        "Content-Type": "application/cloudevents+json",
        "User-Agent": "MLsploit-Webhooks/1",
        "webhook-id": delivery.message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
