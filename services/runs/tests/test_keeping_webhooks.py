"""Webhooks of one's own: made, changed, rotated, deleted; nobody else's business."""

from typing import Any

import pytest

from services.runs.consumers import SUBSCRIPTIONS
from services.runs.settings import RunsSettings
from services.runs.testing import ADMIN, ALICE, Api, url
from services.runs.webhooks.testing import Receiver
from shared.db import Database
from shared.events.users import UserDeleted
from shared.messaging.consumer import handle_once

TARGET = "https://1.1.1.1/hook"
STATUS_CHANGES = ["runs.job.status_changed.v1", "runs.run.status_changed.v1"]


async def test_a_webhook_is_made_and_shows_its_secret_once(api: Api) -> None:
    made = await api.add_webhook(TARGET, description="dashboard")

    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert made == await api.read(made["url"]) == (await shown(api))[0]
    assert made == {
        "id": made["id"],
        "url": url("webhooks", made["id"]),
        "owner": url("users", ALICE),
        "target": TARGET,
        "events": STATUS_CHANGES,
        "description": "dashboard",
        "enabled": True,
        "disabled_reason": None,
        "failing_since": None,
        "date_created": made["date_created"],
    }


async def test_a_form_repeats_the_key_of_its_events(api: Api) -> None:
    body = {"target": TARGET, "events": STATUS_CHANGES, "enabled": "false"}

    answer = await api.client.post("/api/v1/webhooks/", data=body, headers=api.alice)

    assert (answer.status_code, answer.json()["enabled"]) == (201, False)
    assert answer.json()["events"] == STATUS_CHANGES


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({"target": None}, {"target": ["This field may not be null."]}),
        ({"target": "ftp://1.1.1.1/"}, {"target": ["Only https addresses are called."]}),
        ({"events": []}, {"events": ["This list may not be empty."]}),
        ({"events": ["x"]}, {"events": ['"x" is not a valid choice.']}),
        ({"events": "x"}, {"events": ['Expected a list of items but got type "str".']}),
        ({"enabled": "maybe"}, {"enabled": ["Must be a valid boolean."]}),
    ],
)
async def test_what_is_wrong_is_named(
    api: Api, changes: dict[str, Any], faults: dict[str, Any]
) -> None:
    webhook = await api.add_webhook(TARGET)

    made = await api.client.post(
        "/api/v1/webhooks/", json={"target": TARGET, **changes}, headers=api.alice
    )
    changed = await api.client.patch(webhook["url"], json=changes, headers=api.alice)

    assert (made.status_code, made.json()) == (400, faults)
    assert (changed.status_code, changed.json()) == (400, faults)


async def test_a_change_leaves_the_rest_as_it_is(api: Api) -> None:
    webhook = await api.add_webhook(TARGET, description="old")

    body = {"description": "new", "events": ["runs.run.created.v1"]}
    answer = await api.client.patch(webhook["url"], json=body, headers=api.alice)

    assert answer.status_code == 200
    assert answer.json() == {k: v for k, v in {**webhook, **body}.items() if k != "secret"}


async def test_a_deleted_webhook_is_gone_with_its_deliveries(
    api: Api, receiver: Receiver, deliver: Any
) -> None:
    webhook = await api.add_webhook(receiver.url())
    await api.client.post(f"{webhook['url']}test/", headers=api.alice)

    gone = await api.client.delete(webhook["url"], headers=api.alice)
    await deliver()

    assert (gone.status_code, receiver.received) == (204, [])
    for path in ("", "deliveries/"):
        answer = await api.client.get(f"{webhook['url']}{path}", headers=api.alice)
        assert answer.status_code == 404


async def test_somebody_elses_webhook_is_missing(api: Api) -> None:
    webhook = await api.add_webhook(TARGET)
    reader = api.signer.headers(ALICE, scopes="runs:read")

    requests = [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("GET", "deliveries/")]
    requests += [("POST", "test/"), ("POST", "rotate/")]
    for method, path in requests:
        address = f"{webhook['url']}{path}"
        statuses = [
            (await api.client.request(method, address, headers=headers)).status_code
            for headers in (api.bob, {}, reader, api.worker)
        ]
        assert statuses == [404, 401, 200 if method == "GET" else 403, 403], (method, path)
    assert (await api.client.get("/api/v1/webhooks/", headers=api.bob)).json() == []
    staff = api.signer.headers(ADMIN, is_staff=True)
    assert len((await api.client.get("/api/v1/webhooks/", headers=staff)).json()) == 1


async def test_one_user_has_only_so_many(api: Api, settings: RunsSettings) -> None:
    settings.webhooks_per_user_max = 2
    for _ in range(2):
        await api.add_webhook(TARGET)

    third = await api.client.post("/api/v1/webhooks/", json={"target": TARGET}, headers=api.alice)

    assert third.status_code == 409


async def test_a_disabled_webhook_is_not_tested(api: Api) -> None:
    webhook = await api.add_webhook(TARGET, enabled=False)

    answer = await api.client.post(f"{webhook['url']}test/", headers=api.alice)

    assert answer.status_code == 409


async def test_the_webhooks_of_a_deleted_user_go_and_none_comes_after(
    api: Api, database: Database
) -> None:
    await api.add_webhook(TARGET)
    event = UserDeleted(user_id=ALICE)
    for subscription in SUBSCRIPTIONS:
        if subscription.event is UserDeleted:
            await handle_once(database, subscription, "1", event)

    late = await api.client.post("/api/v1/webhooks/", json={"target": TARGET}, headers=api.alice)

    assert late.status_code == 401
    assert await shown(api) == []


async def shown(api: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        await api.client.get("/api/v1/webhooks/", headers=api.admin)
    ).json()
    return found
