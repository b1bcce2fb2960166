"""What a route of this service may ask for."""

from typing import Annotated

from fastapi import Depends, Request

from services.users import queries
from services.users.keys import KeyRing, SigningKey
from services.users.login.addresses import client_address, networks
from services.users.login.failures import LoginLimits
from services.users.mail import Mailer, MailServer
from services.users.presenter import Presenter
from services.users.resets import ResetTokens
from services.users.settings import UsersSettings
from shared.auth import Caller, Revocations, TokenVerifier, requires
from shared.clients.files import FilesClient
from shared.clients.pipelines import PipelinesClient
from shared.hyperlinks import HyperlinksDep
from shared.paging import Page, pages

Reader = Annotated[Caller, requires("users:read")]
Writer = Annotated[Caller, requires("users:write")]
# Inside: the files service asks, on behalf of whoever uploads or changes a file.
FilesWriter = Annotated[Caller, requires("files:write", "jobs:execute")]

UserPage = Annotated[Page, Depends(pages(queries.USER_ORDERS))]


async def _settings(request: Request) -> UsersSettings:
    settings: UsersSettings = request.app.state.settings
    return settings


SettingsDep = Annotated[UsersSettings, Depends(_settings)]


async def _revocations(request: Request) -> Revocations:
    verifier: TokenVerifier = request.app.state.verifier
    return verifier.revocations


RevocationsDep = Annotated[Revocations, Depends(_revocations)]


async def _key_ring(request: Request) -> KeyRing:
    keys: KeyRing = request.app.state.service.keys
    return keys


KeyRingDep = Annotated[KeyRing, Depends(_key_ring)]


async def _signing_key(keys: KeyRingDep) -> SigningKey:
    return keys.signing


SigningKeyDep = Annotated[SigningKey, Depends(_signing_key)]


async def _login_limits(request: Request) -> LoginLimits:
    limits: LoginLimits = request.app.state.login_limits
    return limits


LoginLimitsDep = Annotated[LoginLimits, Depends(_login_limits)]


async def _client_address(request: Request, settings: SettingsDep) -> str:
    forwarded_for = ",".join(request.headers.getlist("x-forwarded-for"))
    peer = request.client.host if request.client else ""
    return client_address(forwarded_for, peer, networks(settings.trusted_proxies))


ClientAddressDep = Annotated[str, Depends(_client_address)]


async def _mailer(settings: SettingsDep) -> Mailer:
    server = MailServer.from_url(settings.smtp_url) if settings.smtp_url else None
    return Mailer(server, settings.smtp_from)


MailerDep = Annotated[Mailer, Depends(_mailer)]


async def _reset_tokens(settings: SettingsDep) -> ResetTokens:
    return ResetTokens(settings.api_secret_key)


ResetTokensDep = Annotated[ResetTokens, Depends(_reset_tokens)]


async def _presenter(request: Request, settings: SettingsDep, links: HyperlinksDep) -> Presenter:
    http = request.app.state.http
    return Presenter(
        links,
        FilesClient(http, settings.files_url),
        PipelinesClient(http, settings.pipelines_url),
    )


PresenterDep = Annotated[Presenter, Depends(_presenter)]
