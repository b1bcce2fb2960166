from pathlib import Path

from services.modules.models import METADATA
from shared.testing.migrating import MigrationConformance


class TestMigrations(MigrationConformance):
    migrations = Path(__file__).parents[1] / "migrations"
    metadata = METADATA
