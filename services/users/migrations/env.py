"""Alembic's entry point; the work is done in shared/migrations.py."""

from services.users.models import METADATA
from shared.migrations import run

run(METADATA)
