"""A webhook must not reach through us what only this machine can reach."""

import asyncio
import socket
from typing import Any

import pytest

from services.runs.models import Webhook, WebhookDelivery
from services.runs.settings import RunsSettings
from services.runs.testing import Api
from services.runs.webhooks.sending import judge, open_client, send
from services.runs.webhooks.testing import Receiver, running_receiver
from shared.addresses import AddressRefused, is_public
from shared.clock import utc_now

SETTINGS = RunsSettings()

PRIVATE = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "224.0.0.1",
    "239.255.255.250",
    "255.255.255.255",
    "240.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:c0a8:101::",
    "2001:db8::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_not_everybody_can_reach_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1"]
)
def test_an_address_that_everybody_can_reach_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "target",
    [
        "https://127.0.0.1/",
        "https://localhost/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[fe80::1]/",
        "http://1.1.1.1/",
        "ftp://1.1.1.1/",
        "file:///etc/passwd",
        "https://user:password@1.1.1.1/",
        "https:///path",
        "https://1.1.1.1:99999/",
        "https://[1.1.1.1/",
        "//1.1.1.1/",
        "nonsense",
        "https://no-such-name.invalid/",
    ],
)
async def test_a_target_that_may_not_be_called_is_refused(target: str) -> None:
    with pytest.raises(AddressRefused):
        await judge(target, SETTINGS)


@pytest.mark.parametrize(
    ("target", "address"),
    [("https://1.1.1.1/hook", "1.1.1.1"), ("https://[2606:4700::1111]:8443/", "2606:4700::1111")],
)
async def test_a_public_target_is_called_at_its_address(target: str, address: str) -> None:
    assert await judge(target, SETTINGS) == address


async def test_a_name_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def both(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, 1, 6, "", (ip, 443)) for ip in ("1.1.1.1", "10.0.0.1")]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", both)
    with pytest.raises(AddressRefused):
        await judge("https://hooks.example/", SETTINGS)


async def test_the_connection_goes_to_the_very_address_that_was_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A name that points elsewhere at the second look is looked at once."""
    loop = asyncio.get_running_loop()
    look_up, looks = loop.getaddrinfo, []

    async def rebinding(host: Any, *rest: Any, **options: Any) -> Any:
        if host != "hooks.example":
            return await look_up(host, *rest, **options)
        looks.append(host)
        return await look_up("127.0.0.1" if len(looks) == 1 else "192.0.2.1", *rest, **options)

    monkeypatch.setattr(loop, "getaddrinfo", rebinding)
    allowed = RunsSettings(webhook_http_allowed=True, webhook_private_addresses_allowed=True)
    async with running_receiver() as receiver, open_client() as sender:
        webhook = Webhook(
            owner_id=1,
            target=receiver.url(host="hooks.example"),
            events="[]",
            description="",
            secret="whsec_" + "c2VjcmV0",
        )
        delivery = WebhookDelivery(
            webhook_id=1, message_id="1", type="t", body="{}", created_at=utc_now()
        )
        outcome = await send(sender, webhook, delivery, allowed)

    assert (outcome.status, looks) == (204, ["hooks.example"])
    assert receiver.received[0].headers["host"] == f"hooks.example:{receiver.port}"


async def test_a_private_target_is_refused_in_words_that_name_the_field(api: Api) -> None:
    body = {"target": "https://127.0.0.1/"}

    answer = await api.client.post("/api/v1/webhooks/", json=body, headers=api.alice)

    assert (answer.status_code, answer.json()) == (
        400,
        {"target": ["'127.0.0.1' is not a public address."]},
    )


async def test_a_target_is_judged_again_when_it_is_called(
    api: Api, receiver: Receiver, deliver: Any, settings: RunsSettings
) -> None:
    webhook = await api.add_webhook(receiver.url(), events=["runs.run.created.v1"])
    await api.start_run(jobs=1)
    settings.webhook_private_addresses_allowed = False

    await deliver()

    assert receiver.received == []
    [shown] = await api.deliveries(webhook)
    assert (shown["attempts"], shown["error"]) == (1, "'127.0.0.1' is not a public address")


async def test_a_name_that_is_looked_up_without_end_is_refused(
    api: Api, settings: RunsSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def without_end(*_: Any, **__: Any) -> list[Any]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", without_end)
    settings.webhook_timeout_seconds = 0.1
    body = {"target": "https://hooks.example/"}

    answer = await api.client.post("/api/v1/webhooks/", json=body, headers=api.alice)

    assert (answer.status_code, answer.json()) == (
        400,
        {"target": ["Its name is not found in time."]},
    )
