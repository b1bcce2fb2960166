"""Tables: people, and the tokens that were issued to them (never the tokens themselves)."""

from datetime import datetime

from sqlalchemy import Column
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared.clock import utc_now
from shared.db import TABLE_OPTIONS, BigId, UtcDateTime, service_metadata
from shared.messaging.tables import add_messaging_tables

METADATA = service_metadata()
add_messaging_tables(METADATA)


class UsersTable(SQLModel, registry=registry(metadata=METADATA)):
    """Base of this service's tables."""


class User(UsersTable, table=True):
    __tablename__ = "users"
    __table_args__ = TABLE_OPTIONS

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    username: str = Field(max_length=150)
    # The name without regard to case: what must be unique. One letter may become three.
    username_folded: str = Field(max_length=450, unique=True)
    email: str = Field(default="", max_length=254)
    password_hash: str = Field(max_length=255)
    is_staff: bool = False
    is_active: bool = True
    joined_at: datetime = Field(
        default_factory=utc_now, sa_column=Column(UtcDateTime, nullable=False)
    )


class Token(UsersTable, table=True):
    __tablename__ = "tokens"

    # The `jti` claim of the JWT.
    id: str = Field(primary_key=True, max_length=64)
    user_id: int = Field(sa_column=Column(BigId, nullable=False, index=True))
    name: str = Field(max_length=100)
    # Space-separated scopes; null for a token that may do all its user may.
    scopes: str | None = Field(default=None, max_length=500)
    created_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    expires_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
    # To about a minute, and only when the news of it got through.
    last_used_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))
    revoked_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))


class FailedLogins(UsersTable, table=True):
    """Of accounts and of addresses, by digest: there are only so many rows."""

    __tablename__ = "failed_logins"

    bucket: str = Field(primary_key=True, max_length=16)
    failures: int
    # The count is good until then.
    ends_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False))
