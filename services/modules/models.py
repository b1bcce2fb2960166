"""Tables: modules at their pinned commits, and the functions that they offer.

Texts that clients parse (options, tags, config) are stored as they are served.
"""

from datetime import datetime

from sqlalchemy import Column, ForeignKey, Text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared.clock import utc_now
from shared.db import TABLE_OPTIONS, BigId, UtcDateTime, service_metadata
from shared.messaging.tables import add_messaging_tables

METADATA = service_metadata()
add_messaging_tables(METADATA)


class ModulesTable(SQLModel, registry=registry(metadata=METADATA)):
    """Base of this service's tables."""


class Module(ModulesTable, table=True):
    __tablename__ = "modules"
    __table_args__ = TABLE_OPTIONS

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    name: str = Field(max_length=50, unique=True)
    repo_url: str = Field(sa_column=Column(Text, nullable=False))
    repo_branch: str = Field(sa_column=Column(Text, nullable=False))
    commit: str = Field(max_length=64)
    display_name: str = Field(sa_column=Column(Text, nullable=False))
    tagline: str = Field(sa_column=Column(Text, nullable=False))
    doctxt: str = Field(sa_column=Column(Text, nullable=False))
    config: str = Field(sa_column=Column(Text, nullable=False))
    icon_url: str = Field(sa_column=Column(Text, nullable=False))
    registered_at: datetime = Field(
        default_factory=utc_now, sa_column=Column(UtcDateTime, nullable=False)
    )


class Function(ModulesTable, table=True):
    __tablename__ = "functions"
    __table_args__ = TABLE_OPTIONS

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    module_id: int = Field(
        sa_column=Column(
            BigId, ForeignKey("modules.id", ondelete="CASCADE"), nullable=False, index=True
        )
    )
    # Unique within the module; the definition was refused otherwise.
    name: str = Field(sa_column=Column(Text, nullable=False))
    doctxt: str = Field(sa_column=Column(Text, nullable=False))
    options: str = Field(sa_column=Column(Text, nullable=False))
    creates_new_files: bool
    modifies_input_files: bool
    expected_filetype: str = Field(sa_column=Column(Text, nullable=False))
    optional_filetypes: str = Field(sa_column=Column(Text, nullable=False))
    output_tags: str = Field(sa_column=Column(Text, nullable=False))
    timeout_seconds: int | None = None
