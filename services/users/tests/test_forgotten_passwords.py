"""A new password for somebody who forgot the old one, and reads the mail on record."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import FastAPI
from pydantic import ValidationError

from services.users.mail import MailServer
from services.users.settings import UsersSettings
from services.users.tests.conftest import PASSWORD, SECRET
from shared.testing.eventually import eventually

Register = Callable[[str], Awaitable[dict[str, str]]]
RESET = "/auth/password/reset/"
CONFIRM = "/auth/password/reset/confirm/"
NEW = "another horse, another battery"
SENT = {"detail": "Password reset e-mail has been sent."}
BAD_TOKEN = {"token": ["Invalid value"]}


@dataclass
class MailBox:
    """What a real SMTP server on this machine was given."""

    mails: list[Message] = field(default_factory=list)
    port: int = 0

    def text(self) -> str:
        """The last mail, as its reader sees it."""
        content = self.mails[-1].get_payload(decode=True)
        assert isinstance(content, bytes)
        return content.decode()

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content))
        return "250 OK"


@pytest.fixture
async def mailbox(app: FastAPI) -> AsyncIterator[MailBox]:
    """The service sends its mail here."""
    box = MailBox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(box, loop=loop), "127.0.0.1", 0)
    box.port = server.sockets[0].getsockname()[1]
    app.state.settings.smtp_url = f"smtp://127.0.0.1:{box.port}"
    yield box
    server.close()


@pytest.fixture
def settings(app: FastAPI) -> UsersSettings:
    found: UsersSettings = app.state.settings
    return found


async def _register(client: httpx.AsyncClient, username: str, email: str) -> dict[str, str]:
    body = {"username": username, "email": email, "password1": PASSWORD, "password2": PASSWORD}
    token = (await client.post("/auth/registration/", json=body)).json()["token"]
    return {"Authorization": f"Token {token}"}


async def _may_log_in(client: httpx.AsyncClient, username: str, password: str) -> bool:
    body = {"username": username, "password": password}
    return (await client.post("/auth/login/", json=body)).status_code == 200


async def _asked_by_mail(client: httpx.AsyncClient, mailbox: MailBox, email: str) -> dict[str, str]:
    """The body that confirms a reset, less the new password: from the mail, as a person would."""
    before = len(mailbox.mails)
    await client.post(RESET, json={"email": email})
    assert len(mailbox.mails) == before + 1
    text = mailbox.text()
    found = re.search(r"uid: (\S+)\s+token: (\S+)", text)
    assert found, text
    return {"uid": found[1], "token": found[2]}


def _new(password: str = NEW, again: str | None = None) -> dict[str, str]:
    return {"new_password1": password, "new_password2": password if again is None else again}


async def test_a_mail_lets_its_reader_choose_a_new_password_once(
    client: httpx.AsyncClient, mailbox: MailBox
) -> None:
    await _register(client, "ada", "ada@example.org")
    confirmation = await _asked_by_mail(client, mailbox, "ADA@example.org")

    done = await client.post(CONFIRM, json={**confirmation, **_new()})
    again = await client.post(CONFIRM, json={**confirmation, **_new("yet another one")})

    assert mailbox.mails[0]["To"] == "ada@example.org"
    assert done.json() == {"detail": "Password has been reset with the new password."}
    assert await _may_log_in(client, "ada", NEW)
    assert (again.status_code, again.json()) == (400, BAD_TOKEN)


async def test_a_reset_ends_every_session_that_was_open(
    client: httpx.AsyncClient, mailbox: MailBox
) -> None:
    ada = await _register(client, "ada", "ada@example.org")
    confirmation = await _asked_by_mail(client, mailbox, "ada@example.org")

    await client.post(CONFIRM, json={**confirmation, **_new()})

    assert (await client.get("/auth/user/", headers=ada)).status_code == 401


async def test_nobody_learns_whether_an_address_is_known(
    client: httpx.AsyncClient, mailbox: MailBox
) -> None:
    await _register(client, "ada", "ada@example.org")

    known = await client.post(RESET, json={"email": "ada@example.org"})
    unknown = await client.post(RESET, json={"email": "nobody@example.org"})

    assert known.json() == unknown.json() == SENT
    assert [mail["To"] for mail in mailbox.mails] == ["ada@example.org"]


async def test_an_account_without_an_address_gets_no_mail(
    client: httpx.AsyncClient, register: Register, mailbox: MailBox
) -> None:
    await register("ada")

    assert (await client.post(RESET, json={"email": ""})).status_code == 400
    assert mailbox.mails == []


async def test_a_reset_expires(
    client: httpx.AsyncClient, mailbox: MailBox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _register(client, "ada", "ada@example.org")
    confirmation = await _asked_by_mail(client, mailbox, "ada@example.org")
    later = time.time() + 3601
    monkeypatch.setattr(time, "time", lambda: later)

    answer = await client.post(CONFIRM, json={**confirmation, **_new()})

    assert answer.json() == BAD_TOKEN


async def test_a_reset_is_good_for_its_own_account_and_only_as_it_was_signed(
    client: httpx.AsyncClient, mailbox: MailBox
) -> None:
    await _register(client, "ada", "ada@example.org")
    await _register(client, "bob", "bob@example.org")
    ada = await _asked_by_mail(client, mailbox, "ada@example.org")
    bob = await _asked_by_mail(client, mailbox, "bob@example.org")
    moment, _, seal = ada["token"].partition("-")

    for token in (bob["token"], f"{int(moment, 16) + 1:x}-{seal}", moment, "", "é-é", "f" * 9999):
        answer = await client.post(CONFIRM, json={"uid": ada["uid"], "token": token, **_new()})
        assert answer.status_code == 400
        assert answer.json().keys() == {"token"}


@pytest.mark.parametrize("uid", ["xx", "é", "OTk5", "MA", "LTE", "=", "9" * 5000])
async def test_a_uid_that_nobody_has_is_refused(client: httpx.AsyncClient, uid: str) -> None:
    answer = await client.post(CONFIRM, json={"uid": uid, "token": "t", **_new()})

    assert (answer.status_code, answer.json()) == (400, {"uid": ["Invalid value"]})


async def test_a_weak_new_password_does_not_use_the_mail_up(
    client: httpx.AsyncClient, mailbox: MailBox
) -> None:
    await _register(client, "adalovelace", "ada@example.org")
    confirmation = await _asked_by_mail(client, mailbox, "ada@example.org")

    like = await client.post(CONFIRM, json={**confirmation, **_new("adalovelace1")})
    done = await client.post(CONFIRM, json={**confirmation, **_new()})

    assert like.json() == {"new_password2": ["The password is too similar to the username."]}
    assert done.status_code == 200


async def test_the_mail_links_to_the_page_that_an_operator_named(
    client: httpx.AsyncClient, mailbox: MailBox, settings: UsersSettings
) -> None:
    settings.password_reset_url = "https://ui.test/reset?uid={uid}&token={token}"
    await _register(client, "ada", "ada@example.org")

    await client.post(RESET, json={"email": "ada@example.org"}, headers={"Host": "evil.test"})

    text = mailbox.text()
    assert "https://ui.test/reset?uid=" in text
    assert "evil.test" not in text


@pytest.mark.parametrize("url", ["", "smtp://127.0.0.1:1"])
async def test_a_mail_that_cannot_be_sent_is_logged_and_answered_like_any(
    client: httpx.AsyncClient, settings: UsersSettings, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    settings.smtp_url = url
    await _register(client, "ada", "ada@example.org")

    answer = await client.post(RESET, json={"email": "ada@example.org"})

    assert (answer.status_code, answer.json()) == (200, SENT)

    async def logged() -> bool:
        return "mail_not_sent" in caplog.text

    await eventually(logged)


def test_a_password_is_never_sent_to_a_mail_server_in_clear() -> None:
    plain = MailServer.from_url("smtp://mail.test")
    with_password = MailServer.from_url("smtp://ada:p%40ss@mail.test:587")
    encrypted = MailServer.from_url("smtps://ada:p@mail.test")

    assert (plain.start_tls, plain.use_tls) == (None, False)
    assert (with_password.start_tls, with_password.password) == (True, "p@ss")
    assert (encrypted.start_tls, encrypted.use_tls) == (False, True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"smtp_url": "http://mail.test"},
        {"smtp_url": "smtp://"},
        {"smtp_url": "smtp://mail.test:port"},
        {"password_reset_url": "https://ui.test/reset"},
    ],
)
def test_a_wrong_mail_setting_is_refused_at_start(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        UsersSettings(data_dir=tmp_path, api_secret_key=SECRET, **wrong)
