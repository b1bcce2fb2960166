"""No log of any process holds what would open something, whatever went well or wrong before."""

import json
import re
import secrets
from collections.abc import Callable

import pytest
from harness.people import People, Person, accepted, step

from dev.stack import Stack

pytestmark = pytest.mark.attack
Record = Callable[[str, object], None]

ANY_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}")
SECRET_SETTINGS = re.compile(r"MLSPLOIT_.*(_KEY|_PASSWORD|_TOKEN)$")


def test_no_log_tells_a_secret_after_successes_and_failures(
    system: Stack, people: People, alice: Person, bob: Person, record_property: Record
) -> None:
    told = {
        name: value
        for name, value in system.environment().items()
        if SECRET_SETTINGS.match(name) and value
    }
    told |= {"a password": alice.password, "a token": alice.token, "another's": bob.token}
    told |= use_it_rightly(alice)
    told |= use_it_wrongly(people, alice)

    logs = sorted((system.data_dir / "logs").glob("*.log*"))
    record_property("attacks", len(told) * len(logs))
    assert len(logs) >= 8
    for log in logs:
        text = log.read_text(errors="replace")
        assert [name for name, value in told.items() if value in text] == [], log.name
        assert ANY_TOKEN.findall(text) == [], log.name


def use_it_rightly(alice: Person) -> dict[str, str]:
    file = alice.uploads("ada.txt", b"Ada")
    run = alice.runs(alice.builds_pipeline(step("helloworld", "Greet")), [file])
    alice.waits_for(run)
    assert alice.downloads(file) == b"Ada"
    # Never called: it is not enabled.
    body = {"target": "https://1.1.1.1/hook", "enabled": False}
    hook = accepted(alice.asks("POST", "/api/v1/webhooks/", json=body))
    accepted(alice.asks("POST", f"{hook['url']}rotate/"))
    alice.asks("DELETE", hook["url"])
    made = accepted(alice.asks("POST", "/auth/tokens/", json={"name": "n"}))
    link = file["blob_url"].split("/")[-2]
    return {"a link": link, "a webhook's secret": hook["secret"], "a made token": made["token"]}


def use_it_wrongly(people: People, alice: Person) -> dict[str, str]:
    guess, wrong = f"guess-{secrets.token_hex(12)}", f"wrong{secrets.token_hex(20)}"
    old, new = f"old-{secrets.token_hex(12)}", f"new-{secrets.token_hex(12)}"
    http = people.http
    for name in (alice.username, "nobody"):
        http.post("/auth/login/", json={"username": name, "password": guess})
        http.post("/auth/login/", data={"username": name, "password": guess})
    # Broken in the middle: what cannot be parsed must not be shown either.
    broken = json.dumps({"username": alice.username, "password": guess})[:-1].encode()
    http.post("/auth/login/", content=broken, headers={"Content-Type": "application/json"})
    http.get("/auth/user/", headers={"Authorization": f"Token {wrong}"})
    http.get(f"/api/v1/files/?token={wrong}")
    http.get(f"/nowhere/{wrong}/")
    change = {"old_password": old, "new_password1": new, "new_password2": new}
    alice.asks("POST", "/auth/password/change/", json=change)
    http.post("/auth/password/reset/confirm/", json={"uid": "MQ", "token": wrong, **change})
    file = alice.uploads("b.txt", b"b")
    link = file["blob_url"].split("/")[-2]
    for path in (f"/media/files/{link}/other.txt", f"/media/files/{link}/", f"/media/{link}"):
        assert http.get(path).status_code in {301, 404}
    return {"a guess": guess, "a wrong token": wrong, "an old": old, "a new": new, "link": link}
