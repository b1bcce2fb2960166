"""What is there before anything dies: people, a module, files, and runs in every state."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import httpx
from git import Actor, Repo
from sqlalchemy import update
from sqlmodel import col

from crashes.house import URL, House
from services.modules import service as modules_service
from services.modules.settings import ModulesSettings
from services.users.models import User
from shared.testing.eventually import eventually

PASSWORD = "correct horse battery"
AUTHOR = Actor("author", "author@example.org")
DEFINITION = """\
display_name: Plain
tagline: Rewrites a file
doctxt: Takes no option.
functions:
- name: Plain
  doctxt: Takes no option.
  options: []
  creates_new_files: false
  modifies_input_files: true
  expected_filetype: txt
  optional_filetypes: []
  output_tags: []
"""

Item = dict[str, Any]


@dataclass
class Scene:
    """Addresses and tokens, as they are known to whoever did all that."""

    repository: str
    alice: str = ""
    bob: str = ""
    admin: str = ""
    bobs: str = ""
    file: str = ""
    spare: str = ""
    pipeline: str = ""
    function: str = ""
    waiting: str = ""
    held: str = ""
    lease: str = ""
    failed: str = ""
    other: str = ""

    def write(self, folder: Path) -> None:
        (folder / "scene.json").write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, folder: Path) -> Self:
        return cls(**json.loads((folder / "scene.json").read_text()))


@dataclass
class Client:
    """Somebody at work in the house; a request is sent again under the same key."""

    house: House
    scene: Scene

    async def ask(self, method: str, path: str, by: str = "", **content: Any) -> httpx.Response:
        headers = {"Authorization": f"Token {by or self.scene.alice}"}
        headers |= content.pop("headers", {})
        return await self.house.client.request(method, path, headers=headers, **content)

    async def get(self, path: str, by: str = "") -> Any:
        answer = await self.ask("GET", path, by)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    async def post(self, path: str, body: Item | None = None, by: str = "", key: str = "") -> Item:
        headers = {"Idempotency-Key": key} if key else {}
        answer = await self.ask("POST", path, by, json=body or {}, headers=headers)
        assert answer.is_success, f"{path}: {answer.status_code} {answer.text}"
        made: Item = answer.json()
        return made

    async def upload(self, name: str, by: str = "", key: str = "", **fields: str) -> Item:
        headers = {"Idempotency-Key": key} if key else {}
        files = {"blob": (name, name.encode())}
        answer = await self.ask(
            "POST", "/api/v1/files/", by, files=files, data=fields, headers=headers
        )
        assert answer.is_success, answer.text
        made: Item = answer.json()
        return made


def publish(folder: Path) -> str:
    with Repo.init(folder, initial_branch="main") as repository:
        (folder / "mlsploit_module.yaml").write_text(DEFINITION)
        repository.index.add(["mlsploit_module.yaml"])
        repository.index.commit("Publish", author=AUTHOR, committer=AUTHOR)
    return folder.as_uri()


async def register_module(house: House, name: str, repository: str) -> None:
    """As the command does; it is there already where it was done before."""
    database = house.apps["modules"].state.database
    settings: ModulesSettings = house.apps["modules"].state.settings
    candidate = await modules_service.fetch_candidate(name, repository, "", settings.limits)
    async with database.transaction() as session:
        await modules_service.register_module(session, candidate)


async def make_scene(house: House, folder: Path, repository: str) -> None:
    scene = Scene(repository)
    client = Client(house, scene)
    await _gather_people(client)
    await register_module(house, "plain", repository)
    [module] = await client.get("/api/v1/modules/")
    scene.function = module["functions"][0]["url"]
    scene.file, scene.spare = [
        (await client.upload(name))["url"] for name in ("file.txt", "spare.txt")
    ]
    scene.pipeline = await _a_pipeline(client)
    scene.waiting = await _a_run(client)
    scene.held, scene.failed, scene.other = [await _a_run(client) for _ in range(3)]
    await _begin_work(client)
    await eventually(house.is_at_rest)
    scene.write(folder)


async def _gather_people(client: Client) -> None:
    people = {}
    for name in ("admin", "alice", "bob"):
        body = {"username": name, "password1": PASSWORD, "password2": PASSWORD}
        answer = await client.house.client.post("/auth/registration/", json=body)
        people[name] = answer.json()["token"]
    users = client.house.apps["users"].state.database
    async with users.transaction() as session:
        await session.execute(
            update(User).where(col(User.username) == "admin").values(is_staff=True)
        )
    login = {"username": "admin", "password": PASSWORD}
    admin = (await client.house.client.post("/auth/login/", json=login)).json()["token"]
    scene = client.scene
    scene.admin, scene.alice, scene.bob = admin, people["alice"], people["bob"]
    scene.bobs = (await client.get("/auth/user/", scene.bob))["url"]
    await client.upload("bobs.txt", scene.bob)


async def _a_pipeline(client: Client) -> str:
    pipeline = await client.post("/api/v1/pipelines/", {"name": "two steps"})
    for _ in range(2):
        body = {"pipeline": pipeline["url"], "function": client.scene.function, "arguments": "{}"}
        await client.post("/api/v1/tasks/", body)
    answer = await client.ask("PATCH", pipeline["url"], json={"enabled": True})
    assert answer.is_success, answer.text
    return str(pipeline["url"])


async def _a_run(client: Client) -> str:
    body = {"pipeline": client.scene.pipeline, "files": [client.scene.file]}
    return str((await client.post("/api/v1/runs/", body))["url"])


async def _begin_work(client: Client) -> None:
    """One job is at work under a lease, another has failed."""
    scene = client.scene
    for run in (scene.held, scene.failed):
        job = (await client.get(run))["jobs"][0]
        claim = await client.post(f"{job}claim/", {"worker": "w"}, scene.admin)
        scene.lease = scene.lease or claim["lease"]["token"]
        if run == scene.failed:
            report = {"lease": claim["lease"]["token"], "status": "FAILED"}
            answer = await client.ask("PATCH", job, scene.admin, json=report)
            assert answer.is_success, answer.text
    assert scene.file.startswith(URL)
