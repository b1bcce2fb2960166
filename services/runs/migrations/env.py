"""Alembic's entry point; the work is done in shared/migrations.py."""

from services.runs.models import METADATA
from shared.migrations import run

run(METADATA)
