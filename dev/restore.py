"""`make restore`: what `make backup` has copied becomes a system again, where there is none."""

import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from dev.backup.blobs import restore_blobs
from dev.backup.databases import holds_something, restore_database
from dev.backup.layout import SERVICES, Backup
from dev.environment import data_dir_of, read_settings
from dev.faults import told_in_one_sentence
from dev.preflight import StartupFault, lock_data_dir


@told_in_one_sentence
def main() -> int:
    if len(sys.argv) < 2:
        raise StartupFault("Which backup? make restore FROM=backups/...")
    restore(read_settings(), Backup(Path(sys.argv[1]).absolute()))
    print("Restored. Start it with `make run`.")
    return 0


def restore(settings: Mapping[str, str], backup: Backup) -> None:
    """Everything that can be wrong is looked for before anything is written."""
    backup.check()
    data_dir = data_dir_of(settings)
    with lock_data_dir(data_dir):
        _expect_nothing_there(settings, data_dir)
        for service in SERVICES:
            restore_database(service, settings, backup)
        if backup.nats.exists():
            shutil.copytree(backup.nats, data_dir / "nats" / "jetstream")
        for keepsake in backup.keepsakes.iterdir():
            shutil.copy2(keepsake, data_dir)
        restore_blobs(settings, backup)


def _expect_nothing_there(settings: Mapping[str, str], data_dir: Path) -> None:
    taken = [service for service in SERVICES if holds_something(service, settings)]
    if (data_dir / "nats" / "jetstream").exists():
        taken.append("nats")
    if taken:
        raise StartupFault(
            f"There is a system already, with {', '.join(taken)}: move {data_dir} away, and name "
            "empty databases."
        )


if __name__ == "__main__":
    sys.exit(main())
