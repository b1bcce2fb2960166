"""Tables: pipelines, and their tasks, each at its own place in the pipeline.

A task's owner is its pipeline's. Functions belong to the modules service: only their ids
stand here.
"""

from datetime import datetime

from sqlalchemy import Column, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from shared.clock import utc_now
from shared.db import TABLE_OPTIONS, BigId, UtcDateTime, service_metadata
from shared.messaging.tables import add_messaging_tables

METADATA = service_metadata()
add_messaging_tables(METADATA)


class PipelinesTable(SQLModel, registry=registry(metadata=METADATA)):
    """Base of this service's tables."""


class Pipeline(PipelinesTable, table=True):
    __tablename__ = "pipelines"
    # Pages of one owner's, and of all for administrators, are read in their order.
    __table_args__ = (
        Index(None, "owner_id", "id"),
        Index(None, "owner_id", "created_at", "id"),
        Index(None, "created_at", "id"),
        TABLE_OPTIONS,
    )

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    owner_id: int = Field(sa_column=Column(BigId, nullable=False))
    name: str = Field(max_length=100)
    enabled: bool = False
    created_at: datetime = Field(
        default_factory=utc_now, sa_column=Column(UtcDateTime, nullable=False)
    )


class Task(PipelinesTable, table=True):
    __tablename__ = "tasks"
    __table_args__ = (UniqueConstraint("pipeline_id", "order"), TABLE_OPTIONS)

    id: int | None = Field(default=None, sa_column=Column(BigId, primary_key=True))
    pipeline_id: int = Field(
        sa_column=Column(BigId, ForeignKey("pipelines.id", ondelete="CASCADE"), nullable=False)
    )
    # Null once the function is gone with its module.
    function_id: int | None = Field(sa_column=Column(BigId, index=True))
    arguments: str = Field(sa_column=Column(Text, nullable=False))
    # From 1, without gaps: tasks are never removed one by one.
    order: int
    created_at: datetime = Field(
        default_factory=utc_now, sa_column=Column(UtcDateTime, nullable=False)
    )
