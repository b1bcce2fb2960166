"""`make test-fuzz`: whatever comes in, no answer may be our fault or one that the document lacks.

All of schemathesis' phases and checks, at all operations. Arguments are handed on to it.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from dev.environment import ROOT
from dev.faults import told_in_one_sentence
from dev.fuzz.furniture import FURNITURE, furnish
from dev.stack import Stack

EXAMPLES_PER_OPERATION = 50
WORKERS = 2
COUNTED = ("ACCOUNT", "ADDRESS")
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


@told_in_one_sentence
def main() -> int:
    with tempfile.TemporaryDirectory(prefix="mlsploit-") as folder, fuzzed_system(folder) as system:
        (Path(folder) / FURNITURE).write_text(furnish(system).to_json())
        command = [
            str(Path(sys.executable).with_name("schemathesis")),
            *("--config-file", str(CONFIGURATION), "run", f"{system.url}/openapi.json"),
            *("--max-examples", str(EXAMPLES_PER_OPERATION), "--workers", str(WORKERS)),
            *sys.argv[1:],
        ]
        environ = {"SCHEMATHESIS_HOOKS": "dev.fuzz.hooks", "PYTHONPATH": str(ROOT)}
        return subprocess.call(command, cwd=folder, env=os.environ | environ)


def fuzzed_system(folder: str) -> Stack:
    """Without a worker: jobs are claimed by the requests themselves. Made-up logins all fail."""
    unlimited = {f"MLSPLOIT_USERS_LOGIN_FAILURES_PER_{each}_MAX": "1000000" for each in COUNTED}
    return Stack(Path(folder) / "data", {"MLSPLOIT_MODULES": "", **unlimited})


if __name__ == "__main__":
    sys.exit(main())
