"""The code that docs/how-to/receive-webhooks.md shows does what it says."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from services.runs.testing import Api
from services.runs.webhooks.testing import Receiver

GUIDE = Path(__file__).parents[3] / "docs" / "how-to" / "receive-webhooks.md"
Deliver = Callable[[], Awaitable[None]]


def shown_function(name: str) -> Any:
    """The one of the guide's, as whoever copies it gets it."""
    for code in re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.S):
        if f"def {name}(" in code:
            names: dict[str, Any] = {}
            exec(code, names)  # noqa: S102 - it is the document that is tested
            return names[name]
    raise AssertionError(f"the guide shows no {name}")


@pytest.mark.parametrize("name", ["event_of", "verified"])
async def test_what_the_guide_shows_verifies_what_is_sent_and_nothing_else(
    name: str, api: Api, receiver: Receiver, deliver: Deliver
) -> None:
    verify = shown_function(name)
    webhook = await api.add_webhook(receiver.url())
    await api.client.post(f"{webhook['url']}rotate/", headers=api.alice)
    await api.client.post(f"{webhook['url']}test/", headers=api.alice)
    await deliver()
    [received] = receiver.received

    event = verify(webhook["secret"], received.headers, received.body)

    assert event["type"] == "runs.webhook.tested.v1"
    other = await api.add_webhook(receiver.url())
    old = {**received.headers, "webhook-timestamp": "1000000000"}
    for secret, headers, body in (
        (other["secret"], received.headers, received.body),
        (webhook["secret"], received.headers, received.body + b" "),
        (webhook["secret"], old, received.body),
    ):
        with pytest.raises(Exception, match=r"not from|too old|No matching"):
            verify(secret, headers, body)
