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
from shared.hyperlinks import id_of

FURNITURE = "furniture.json"
RUNS = 3
USERNAME = "fuzz-login"
# Allowed by the settings of the fuzzed system; nobody is there.
RECEIVER = "https://127.0.0.1:9/hook"


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
    # What a path may name, by the parameter's name.
    ids: dict[str, list[int | str]]
    blob_url: str
    # An account whose webhooks nothing ever happens to: it has no runs.
    webhooks_token: str

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
        body = {"pipeline": pipelines[0], "files": [inputs[0]["url"]]}
        runs = [made(client.post("/api/v1/runs/", json=body)) for _ in range(RUNS)]
        user_id = made(client.get("/auth/user/"))["id"]
        key = made(client.post("/auth/tokens/", json={"name": "furniture"}))
        tasks = client.get("/api/v1/tasks/").json()
        modules = client.get("/api/v1/modules/").json()
        webhooks_token = signed_up(client, "fuzz-webhooks", password)
        client.headers["Authorization"] = f"Token {webhooks_token}"
        webhook = made(client.post("/api/v1/webhooks/", json={"target": RECEIVER}))
        return Furniture(
            url=system.url,
            token=token,
            admin_token=_administrators_token(system),
            username=USERNAME,
            password=password,
            user_id=user_id,
            links={
                "files": [file["url"] for file in inputs],
                "outputs": [file["url"] for file in outputs],
                "functions": [function],
                "pipelines": pipelines,
            },
            ids={
                "user_id": [user_id],
                "token_id": [key["id"]],
                "file_id": [file["id"] for file in (*inputs, *outputs)],
                "function_id": [id_of(function)],
                "module_id": [module["id"] for module in modules],
                "pipeline_id": [id_of(url) for url in pipelines],
                "task_id": [task["id"] for task in tasks],
                "run_id": [run["id"] for run in runs],
                "job_id": [id_of(url) for run in runs for url in run["jobs"]],
                "webhook_id": [webhook["id"]],
            },
            blob_url=inputs[0]["blob_url"],
            webhooks_token=webhooks_token,
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
