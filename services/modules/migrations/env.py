"""Alembic's entry point; the work is done in shared/migrations.py."""

from services.modules.models import METADATA
from shared.migrations import run

run(METADATA)
