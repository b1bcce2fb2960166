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
from dev.fuzz.reached import summary
from dev.stack import Stack

EXAMPLES_PER_OPERATION = 50
# Made-up cases are compiled, and Python 3.11 may fail at that in two threads at once: "AST
# constructor recursion depth mismatch".
WORKERS = 1
SETTINGS = {
    "MLSPLOIT_MODULES": "",
    # What is refused for want of a public address would never be tried any further.
    "MLSPLOIT_RUNS_WEBHOOK_PRIVATE_ADDRESSES_ALLOWED": "true",
    "MLSPLOIT_RUNS_WEBHOOKS_PER_USER_MAX": "1000000",
    # Made-up logins all fail.
    "MLSPLOIT_USERS_LOGIN_FAILURES_PER_ACCOUNT_MAX": "1000000",
    "MLSPLOIT_USERS_LOGIN_FAILURES_PER_ADDRESS_MAX": "1000000",
}
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
        code = subprocess.call(command, cwd=folder, env=os.environ | environ)
        sys.stdout.write(summary(Path(folder)))
        return code


def fuzzed_system(folder: str) -> Stack:
    """Without a worker: jobs are claimed by the requests themselves."""
    return Stack(Path(folder) / "data", SETTINGS)


if __name__ == "__main__":
    sys.exit(main())
