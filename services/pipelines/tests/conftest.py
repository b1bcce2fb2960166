"""The pipelines service for its tests: a real database; modules and runs are played."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from services.pipelines.main import build
from services.pipelines.settings import PipelinesSettings
from shared.testing.peers import Peers
from shared.testing.tokens import Signer

FUNCTIONS_URL = "http://modules:8000/api/v1/functions/"
RUNS_URL = "http://runs:8000/internal/runs/"
PIPELINES = "/api/v1/pipelines/"
TASKS = "/api/v1/tasks/"

PLAIN = 1
WITH_OPTIONS = 2
OPTIONS = {
    PLAIN: [],
    WITH_OPTIONS: [
        {"name": "epsilon", "type": "float", "required": True, "default": None},
        {"name": "steps", "type": "int", "required": True, "default": 3},
    ],
}

AddPipeline = Callable[..., Awaitable[dict[str, Any]]]
AddTask = Callable[..., Awaitable[dict[str, Any]]]


def play_functions(request: httpx.Request) -> httpx.Response:
    """The modules service: those of the functions asked for that exist."""
    wanted = [int(one) for one in request.url.params["id"].split(",")]
    shown = [
        {
            "id": function_id,
            "name": f"Function{function_id}",
            "module": "http://mlsploit.test/api/v1/modules/1/",
            "module_name": "probe",
            "repo_url": "https://example.org/probe.git",
            "commit": "0" * 40,
            "options": json.dumps(OPTIONS[function_id]),
            "expected_filetype": "txt",
            "optional_filetypes": "null",
        }
        for function_id in wanted
        if function_id in OPTIONS
    ]
    return httpx.Response(200, json=shown)


def run_row(run_id: int, pipeline: dict[str, Any]) -> list[int]:
    """A run as the runs service tells of it."""
    return [pipeline["id"], run_id]


@pytest.fixture
def build_service(database_url: str) -> Callable[[Path, Peers], FastAPI]:
    def build_pipelines(folder: Path, peers: Peers) -> FastAPI:
        peers.play("GET", FUNCTIONS_URL, play_functions)
        peers.answer("GET", RUNS_URL, json=[])
        return build(
            PipelinesSettings(data_dir=folder, nats_url="", database_url=database_url),
            transport=peers,
        )

    return build_pipelines


@pytest.fixture
def add_pipeline(client: httpx.AsyncClient, signer: Signer) -> AddPipeline:
    async def add(owner_id: int = 1, name: str = "p", **fields: Any) -> dict[str, Any]:
        body = {"name": name, **fields}
        answer = await client.post(PIPELINES, json=body, headers=signer.headers(owner_id))
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    return add


@pytest.fixture
def add_task(client: httpx.AsyncClient, signer: Signer) -> AddTask:
    async def add(
        pipeline: dict[str, Any], function_id: int = PLAIN, *, owner_id: int = 1, **fields: Any
    ) -> dict[str, Any]:
        function = f"/api/v1/functions/{function_id}/"
        body = {"pipeline": pipeline["url"], "function": function, **fields}
        answer = await client.post(TASKS, json=body, headers=signer.headers(owner_id))
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    return add
