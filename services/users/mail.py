"""Mail, through the SMTP server that the settings name.

Nobody's request waits for it and nobody's request fails by it: what cannot be sent is logged.
"""

from dataclasses import dataclass
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import aiosmtplib
import structlog

TIMEOUT_SECONDS = 10.0
PLAIN, TLS = "smtp", "smtps"

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class MailServer:
    """`smtp` encrypts when the server can, and must when there is a password; `smtps` always."""

    hostname: str
    port: int | None
    username: str | None
    password: str | None
    use_tls: bool

    @property
    def start_tls(self) -> bool | None:
        if self.use_tls:
            return False
        return True if self.password else None

    @classmethod
    def from_url(cls, url: str) -> "MailServer":
        """`smtp://user:password@host:587`; ValueError says what is wrong with another."""
        parts = urlsplit(url)
        if parts.scheme not in (PLAIN, TLS) or not parts.hostname:
            raise ValueError("must look like smtp://user:password@host:587 or smtps://host")
        return cls(
            hostname=parts.hostname,
            port=parts.port,
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            use_tls=parts.scheme == TLS,
        )


class Mailer:
    def __init__(self, server: MailServer | None, sender: str):
        self._server = server
        self._sender = sender

    async def send(self, recipient: str, subject: str, text: str) -> None:
        if self._server is None:
            log.warning("mail_not_sent", reason="MLSPLOIT_USERS_SMTP_URL is not set")
            return
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, recipient, subject
        message.set_content(text)
        try:
            await aiosmtplib.send(
                message,
                hostname=self._server.hostname,
                port=self._server.port,
                username=self._server.username,
                password=self._server.password,
                use_tls=self._server.use_tls,
                start_tls=self._server.start_tls,
                timeout=TIMEOUT_SECONDS,
            )
        except (aiosmtplib.SMTPException, OSError) as error:
            log.warning("mail_not_sent", server=self._server.hostname, reason=repr(error))
