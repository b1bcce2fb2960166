"""`manage.py doctor` finds nothing at fault with a system that is well."""

import subprocess
import sys

from dev.environment import ROOT
from dev.stack import Stack

SECRETS = ("MLSPLOIT_API_SECRET_KEY", "MLSPLOIT_FILES_LINK_KEY")


def test_all_of_a_running_system_is_well(system: Stack) -> None:
    # What an operator's shell and .env hold: where the processes are, it finds out by itself.
    known = system.environment()
    theirs = {name: value for name, value in known.items() if not name.startswith("MLSPLOIT_")}
    theirs |= {name: known[name] for name in (*SECRETS, "MLSPLOIT_DATA_DIR")}

    done = subprocess.run(
        [sys.executable, "manage.py", "doctor"],
        cwd=ROOT,
        env=theirs,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 at fault." in done.stdout
    for about in ("runs is ready", "stream MLSPLOIT_JOBS", "way to files", "storage", "workers"):
        assert f"ok       {about}: " in done.stdout
