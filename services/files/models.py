"""Tables: files, who holds them, blobs on their way out, and people who are gone."""

from datetime import UTC, datetime

from sqlalchemy import Column, ForeignKey, Index, Text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared.clock import utc_now
from shared.db import TABLE_OPTIONS, BigId, UtcDateTime, service_metadata
from shared.messaging.tables import add_messaging_tables

METADATA = service_metadata()
add_messaging_tables(METADATA)
# Here alone it grows with every run, and is pruned by age.
Index(None, METADATA.tables["processed_events"].c.processed_at)

INPUT = "INPUT"
OUTPUT = "OUTPUT"
KINDS = (INPUT, OUTPUT)

BLOB_KEY_LENGTH = 32
HOLDER_LENGTH_MAX = 100
# When a blob is due that nobody may keep any more: before whatever any clock says.
AT_ONCE = datetime(1970, 1, 1, tzinfo=UTC)


class FilesTable(SQLModel, registry=registry(metadata=METADATA)):
    """Base of this service's tables."""


class File(FilesTable, table=True):
    __tablename__ = "files"
    # A page of a person's own is read in its order, however much there is.
    __table_args__ = (
        Index(None, "owner_id", "id"),
        Index(None, "owner_id", "uploaded_at", "id"),
        Index(None, "uploaded_at", "id"),
        TABLE_OPTIONS,
    )

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    owner_id: int = Field(sa_column=Column(BigId, nullable=False))
    name: str = Field(max_length=255)
    kind: str = Field(default=INPUT, max_length=6)
    # JSON text, as it is answered.
    tags: str = Field(default="{}", sa_column=Column(Text, nullable=False))
    parent_id: int | None = Field(
        default=None,
        sa_column=Column(BigId, ForeignKey("files.id", ondelete="SET NULL"), index=True),
    )
    blob_key: str = Field(max_length=BLOB_KEY_LENGTH, unique=True)
    size: int = Field(sa_column=Column(BigId, nullable=False))
    sha256: str = Field(max_length=64)
    uploaded_at: datetime = Field(
        default_factory=utc_now, sa_column=Column(UtcDateTime, nullable=False)
    )
    # A backend's upload goes unless some run takes it as an output until then: whoever uploaded it
    # has lost its lease, or died, before it could report.
    unclaimed_until: datetime | None = Field(
        default=None, sa_column=Column(UtcDateTime, index=True)
    )


class FileReference(FilesTable, table=True):
    """A run keeps a file from deletion. Unconfirmed until we hear that the run was made."""

    __tablename__ = "file_references"

    file_id: int = Field(
        sa_column=Column(BigId, ForeignKey("files.id", ondelete="CASCADE"), primary_key=True)
    )
    holder: str = Field(primary_key=True, max_length=HOLDER_LENGTH_MAX, index=True)
    role: str = Field(primary_key=True, max_length=6)
    created_at: datetime = Field(
        default_factory=utc_now, sa_column=Column(UtcDateTime, nullable=False)
    )
    confirmed_at: datetime | None = Field(default=None, sa_column=Column(UtcDateTime))


class DoomedBlob(FilesTable, table=True):
    """A blob to remove when it is due: its file was deleted, or its upload never came to an end.

    Once it is due at once, no upload keeps it any more, whatever the clock says by then.
    """

    __tablename__ = "doomed_blobs"

    key: str = Field(primary_key=True, max_length=BLOB_KEY_LENGTH)
    due_at: datetime = Field(sa_column=Column(UtcDateTime, nullable=False, index=True))


class OwnerTotal(FilesTable, table=True):
    """The bytes of all files of one owner together."""

    __tablename__ = "owner_totals"

    owner_id: int = Field(sa_column=Column(BigId, primary_key=True, autoincrement=False))
    bytes: int = Field(sa_column=Column(BigId, nullable=False))


class DepartedOwner(FilesTable, table=True):
    """A deleted user, whose last upload may still be on its way in when their files go."""

    __tablename__ = "departed_owners"

    owner_id: int = Field(sa_column=Column(BigId, primary_key=True, autoincrement=False))
    departed_at: datetime = Field(
        default_factory=utc_now, sa_column=Column(UtcDateTime, nullable=False)
    )
