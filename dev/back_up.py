"""`make backup`: all that a system holds, into a folder, while it runs."""

import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from dev.backup.blobs import copy_blobs, expect_whole
from dev.backup.databases import blobs_named_by, copy_database
from dev.backup.layout import KEEPSAKES, SERVICES, Backup
from dev.backup.standstill import nats_standing_still
from dev.environment import ROOT, data_dir_of, read_settings
from dev.faults import told_in_one_sentence
from dev.preflight import StartupFault
from shared.clock import utc_now


@told_in_one_sentence
def main() -> int:
    named = sys.argv[1] if len(sys.argv) > 1 else ""
    folder = Path(named or ROOT / "backups" / utc_now().strftime("%Y-%m-%dT%H-%M-%SZ")).absolute()
    if folder.exists():
        raise StartupFault(f"{folder} exists already; a backup gets a folder of its own.")
    began = time.monotonic()
    back_up(read_settings(), folder)
    print(f"{folder} is a whole backup, made in {time.monotonic() - began:.1f} s.")
    return 0


def back_up(settings: Mapping[str, str], folder: Path) -> None:
    """Either the folder is a whole backup afterwards, or there is none of that name."""
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    for part in ("databases", "keepsakes"):
        (unfinished / part).mkdir(parents=True)
    # Passwords' hashes, the webhooks' secrets, everybody's files.
    unfinished.chmod(0o700)
    _copy(settings, Backup(unfinished))
    unfinished.rename(folder)


def _copy(settings: Mapping[str, str], backup: Backup) -> None:
    data_dir = data_dir_of(settings)
    copy_blobs(settings, backup)
    with nats_standing_still(data_dir) as was_running:
        jetstream = data_dir / "nats" / "jetstream"
        if jetstream.exists():
            shutil.copytree(jetstream, backup.nats)
        for service in SERVICES:
            copy_database(service, settings, backup)
    copy_blobs(settings, backup)
    for name in KEEPSAKES:
        if (data_dir / name).exists():
            shutil.copy2(data_dir / name, backup.keepsakes)
    digests = backup.digests()
    expect_whole(blobs_named_by(backup), digests)
    backup.write_manifest(digests, was_running=was_running, order=SERVICES)


if __name__ == "__main__":
    sys.exit(main())
