"""Alembic's entry point; the work is done in shared/migrations.py."""

from services.files.models import METADATA
from shared.migrations import run

run(METADATA)
