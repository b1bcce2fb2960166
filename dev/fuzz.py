"""`make test-fuzz`: made-up requests at every documented operation, on a system of its own.

Whatever comes in, no answer may be our fault or one that the document lacks.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import httpx

from dev.environment import fresh_secret
from dev.faults import told_in_one_sentence
from dev.stack import Stack

# Requests that would end the account or the token that all others need, or have no end themselves.
LEFT_OUT = "^(log_out|delete_user|revoke_token|read_blob|follow_events)$"
# A reference may be well formed and name nothing, and the contract takes numbers for text: neither
# does a schema tell.
NOT_CHECKED = "positive_data_acceptance,negative_data_rejection"
EXAMPLES_PER_OPERATION = 50
SECONDS_MAX = 600


@told_in_one_sentence
def main() -> int:
    with tempfile.TemporaryDirectory(prefix="mlsploit-") as folder, fuzzed_system(folder) as system:
        token = furnished_account(system.url)
        command = [
            str(Path(sys.executable).with_name("schemathesis")),
            *("run", f"{system.url}/openapi.json", "--header", f"Authorization: Token {token}"),
            *("--checks", "all", "--exclude-checks", NOT_CHECKED),
            *("--exclude-operation-id-regex", LEFT_OUT, "--continue-on-failure"),
            *("--max-examples", str(EXAMPLES_PER_OPERATION), "--max-time", str(SECONDS_MAX)),
            *sys.argv[1:],
        ]
        return subprocess.call(command, cwd=folder)


def fuzzed_system(folder: str) -> Stack:
    """Without a worker: jobs are claimed by the requests themselves."""
    return Stack(Path(folder) / "data", {"MLSPLOIT_MODULES": ""})


def furnished_account(url: str) -> str:
    """The token of somebody who owns one of each thing, so that not every id names nothing."""
    password = fresh_secret()
    account = {"username": "fuzz", "password1": password, "password2": password}
    with httpx.Client(base_url=url) as client:
        token = str(made(client.post("/auth/registration/", json=account))["token"])
        client.headers["Authorization"] = f"Token {token}"
        made(client.post("/api/v1/pipelines/", json={"name": "fuzz", "enabled": True}))
        made(client.post("/api/v1/files/", files={"blob": ("fuzz.txt", b"fuzz")}))
    return token


def made(answer: httpx.Response) -> dict[str, Any]:
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


if __name__ == "__main__":
    sys.exit(main())
