"""What the fuzzed account owns, so that made-up requests meet things that are there."""

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import httpx

from dev.environment import ROOT, fresh_secret
from dev.stack import Stack

FURNITURE = "furniture.json"
RUNS = 3
USERNAME = "fuzz-login"


@dataclass(frozen=True)
class Furniture:
    """Urls by resource, all of which a reference may name, and who asks."""

    url: str
    token: str
    admin_token: str
    username: str
    password: str
    user_id: int
    links: dict[str, list[str]]
    blob_url: str

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def read(cls) -> Self:
        return cls(**json.loads(Path(FURNITURE).read_text()))


def furnish(system: Stack) -> Furniture:
    password = fresh_secret()
    with httpx.Client(base_url=system.url, timeout=30) as client:
        # Somebody whose name no request changes, to log in as.
        signed_up(client, USERNAME, password)
        token = signed_up(client, "fuzz", password)
        client.headers["Authorization"] = f"Token {token}"
        inputs = [_upload(client, f"fuzz-{n}.txt", "INPUT") for n in range(2)]
        outputs = [_upload(client, f"out-{n}.txt", "OUTPUT") for n in range(2)]
        function = _function(client)
        pipelines = [_pipeline(client, function) for _ in range(2)]
        for _ in range(RUNS):
            body = {"pipeline": pipelines[0], "files": [inputs[0]["url"]]}
            made(client.post("/api/v1/runs/", json=body))
        return Furniture(
            url=system.url,
            token=token,
            admin_token=_administrators_token(system),
            username=USERNAME,
            password=password,
            user_id=made(client.get("/auth/user/"))["id"],
            links={
                "files": [file["url"] for file in inputs],
                "outputs": [file["url"] for file in outputs],
                "functions": [function],
                "pipelines": pipelines,
            },
            blob_url=inputs[0]["blob_url"],
        )


def signed_up(client: httpx.Client, username: str, password: str) -> str:
    account = {"username": username, "password1": password, "password2": password}
    return str(made(client.post("/auth/registration/", json=account))["token"])


def _upload(client: httpx.Client, name: str, kind: str) -> dict[str, Any]:
    blob = {"blob": (name, b"fuzz")}
    return made(client.post("/api/v1/files/", files=blob, data={"kind": kind}))


def _function(client: httpx.Client) -> str:
    """One that takes any arguments there are: its options all have defaults."""
    functions = {each["name"]: each for each in client.get("/api/v1/functions/").json()}
    return str(functions["Greet"]["url"])


def _pipeline(client: httpx.Client, function: str) -> str:
    pipeline = made(client.post("/api/v1/pipelines/", json={"name": "fuzz", "enabled": True}))
    for _ in range(2):
        made(
            client.post("/api/v1/tasks/", json={"pipeline": pipeline["url"], "function": function})
        )
    return str(pipeline["url"])


def _administrators_token(system: Stack) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", "drf_create_token", "admin"],
        cwd=ROOT,
        env=system.environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.split()[2]


def made(answer: httpx.Response) -> dict[str, Any]:
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found
