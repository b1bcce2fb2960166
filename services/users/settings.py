"""What this process can be told: read from MLSPLOIT_USERS_*, and the platform's settings."""

from email.utils import parseaddr
from typing import Annotated

from pydantic import AfterValidator, PositiveInt
from pydantic_settings import SettingsConfigDict

from services.users.login.addresses import networks
from services.users.mail import MailServer
from shared.settings import ServiceSettings, platform

SECRET_CHARACTERS_MIN = 25


def _long_enough(secret: str) -> str:
    if len(secret) < SECRET_CHARACTERS_MIN:
        raise ValueError(
            f"must have at least {SECRET_CHARACTERS_MIN} characters; "
            "`make run` writes a fresh one into .env when there is none"
        )
    return secret


def _each_long_enough(secrets: str) -> str:
    for secret in _listed(secrets):
        _long_enough(secret)
    return secrets


def _listed(value: str) -> list[str]:
    return [each.strip() for each in value.split(",") if each.strip()]


def _mail_server(url: str) -> str:
    if url:
        MailServer.from_url(url)
    return url


def _sender(sender: str) -> str:
    name, at, host = parseaddr(sender)[1].rpartition("@")
    if not (name and at and host):
        raise ValueError("must be an address, such as MLsploit <mlsploit@example.org>")
    return sender


def _networks(setting: str) -> str:
    networks(setting)
    return setting


def _page(url: str) -> str:
    if url and not ("{uid}" in url and "{token}" in url):
        raise ValueError("must hold {uid} and {token}, which the mail fills in")
    return url


class UsersSettings(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="MLSPLOIT_USERS_")

    # Everything this system signs is derived from it; all replicas of this service share it.
    api_secret_key: Annotated[str, AfterValidator(_long_enough)] = platform("api_secret_key", ...)
    # A comma list: what these signed is believed, too, while one secret takes over from another.
    api_other_secret_keys: Annotated[str, AfterValidator(_each_long_enough)] = platform(
        "api_other_secret_keys", ""
    )
    token_days: PositiveInt = 30
    # Whose X-Forwarded-For is believed, as the gateway is told, too.
    trusted_proxies: Annotated[str, AfterValidator(_networks)] = platform("trusted_proxies", "")

    # So many failed logins in so many minutes, and no more are looked at for the rest of them.
    login_failures_per_account_max: PositiveInt = 10
    login_failures_per_address_max: PositiveInt = 500
    login_failures_minutes: PositiveInt = 5

    # Without a server no mail goes out, and the log says so.
    smtp_url: Annotated[str, AfterValidator(_mail_server)] = ""
    smtp_from: Annotated[str, AfterValidator(_sender)] = "MLsploit <mlsploit@localhost>"
    password_reset_minutes: PositiveInt = 60
    # A page that takes {uid} and {token} and asks for the new password.
    password_reset_url: Annotated[str, AfterValidator(_page)] = ""

    def other_secrets(self) -> list[str]:
        return _listed(self.api_other_secret_keys)
