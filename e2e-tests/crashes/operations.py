"""Every deed that writes: how it is done, and how often it has been done, as anybody can see."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from crashes.scene import PASSWORD, Client, register_module

NEW = "new.txt"
ENDED = {"FINISHED", "FAILED", "CANCELED"}


@dataclass(frozen=True)
class Operation:
    """`does` may be done again by whoever got no answer; `times` is 0 or 1, and 1 afterwards."""

    does: Callable[[Client], Awaitable[None]]
    times: Callable[[Client], Awaitable[int]]


async def _upload(client: Client) -> None:
    await client.upload(NEW, key="upload")


async def _uploads(client: Client) -> int:
    found = [file for file in await client.get("/api/v1/files/") if file["name"] == NEW]
    for file in found:
        content = await client.house.client.get(file["blob_url"])
        assert content.content == NEW.encode(), f"{file['url']} is not whole"
    return len(found)


def deletion(path: Callable[[Client], str], by: Callable[[Client], str]) -> Operation:
    async def delete(client: Client) -> None:
        answer = await client.ask("DELETE", path(client), by(client))
        assert answer.status_code in (204, 404), answer.text

    async def is_gone(client: Client) -> int:
        return int((await client.ask("GET", path(client), by(client))).status_code == 404)

    return Operation(delete, is_gone)


async def _create_pipeline(client: Client) -> None:
    await client.post("/api/v1/pipelines/", {"name": NEW}, key="pipeline")


async def _pipelines(client: Client) -> int:
    return sum(each["name"] == NEW for each in await client.get("/api/v1/pipelines/"))


async def _add_task(client: Client) -> None:
    body = {"pipeline": client.scene.pipeline, "function": client.scene.function}
    await client.post("/api/v1/tasks/", {**body, "arguments": "{}"}, key="task")


async def _tasks(client: Client) -> int:
    return len((await client.get(client.scene.pipeline))["tasks"]) - 2


async def _create_run(client: Client) -> None:
    body = {"pipeline": client.scene.pipeline, "files": [client.scene.spare]}
    await client.post("/api/v1/runs/", body, key="run")


async def _runs(client: Client) -> int:
    found = [r for r in await client.get("/api/v1/runs/") if r["files"] == [client.scene.spare]]
    assert all(len(run["jobs"]) == 2 for run in found), "a run has not all its jobs"
    return len(found)


async def _claim(client: Client) -> None:
    job = (await client.get(client.scene.waiting))["jobs"][0]
    answer = await client.ask("POST", f"{job}claim/", client.scene.admin, json={"worker": "w"})
    assert answer.status_code in (200, 409), answer.text


async def _claims(client: Client) -> int:
    job = await client.get((await client.get(client.scene.waiting))["jobs"][0])
    assert (job["status"], job["attempt"]) in {("PENDING", 0), ("RUNNING", 1)}, job
    return int(job["attempt"])


async def _report(client: Client) -> None:
    job = (await client.get(client.scene.held))["jobs"][0]
    owner = (await client.get(job))["owner"]
    by, of_job = client.scene.admin, {"kind": "OUTPUT", "owner": owner}
    output = (await client.upload("output.txt", by, "output", **of_job))["url"]
    logs = {"lease": client.scene.lease, "offset": 0, "text": "all of it\n"}
    # Of a job that is over nothing is heard any more.
    assert (await client.ask("POST", f"{job}logs/", by, json=logs)).status_code in (200, 409)
    report = {"lease": client.scene.lease, "status": "FINISHED", "output": "{}"}
    answer = await client.ask("PATCH", job, by, json={**report, "output_files": [output]})
    assert answer.status_code == 200, answer.text


async def _reports(client: Client) -> int:
    first, second = [await client.get(job) for job in (await client.get(client.scene.held))["jobs"]]
    if first["status"] == "RUNNING":
        return 0
    assert first["logs"] == "all of it\n", first
    assert (first["status"], len(first["output_files"])) == ("FINISHED", 1), first
    assert second["waiting_reason"] != "dependency", "the next job is not offered"
    return 1


async def _cancel(client: Client) -> None:
    answer = await client.ask("POST", f"{client.scene.waiting}cancel/")
    assert answer.status_code in (200, 409), answer.text


async def _cancels(client: Client) -> int:
    return await _in_state(client, client.scene.waiting, "CANCELED", "PENDING")


async def _retry(client: Client) -> None:
    answer = await client.ask("POST", f"{client.scene.failed}retry/")
    assert answer.status_code in (200, 409), answer.text


async def _retries(client: Client) -> int:
    return await _in_state(client, client.scene.failed, "PENDING", "FAILED")


async def _in_state(client: Client, run: str, after: str, before: str) -> int:
    shown = await client.get(run)
    first = await client.get(shown["jobs"][0])
    assert shown["status"] == first["status"], "a run stands otherwise than its jobs"
    assert shown["status"] in (before, after), shown
    return int(shown["status"] == after)


async def _register(client: Client) -> None:
    body = {"username": "new", "password1": PASSWORD, "password2": PASSWORD}
    answer = await client.house.client.post("/auth/registration/", json=body)
    assert answer.status_code in (201, 400), answer.text


async def _registrations(client: Client) -> int:
    body = {"username": "new", "password": PASSWORD}
    return int((await client.house.client.post("/auth/login/", json=body)).status_code == 200)


async def _log_out(client: Client) -> None:
    answer = await client.ask("POST", "/auth/logout/", client.scene.bob)
    assert answer.status_code in (200, 401), answer.text


async def _log_outs(client: Client) -> int:
    return int((await client.ask("GET", "/auth/user/", client.scene.bob)).status_code == 401)


async def _register_module(client: Client) -> None:
    if not await _modules(client):
        await register_module(client.house, "second", client.scene.repository)


async def _modules(client: Client) -> int:
    found = [each for each in await client.get("/api/v1/modules/") if each["name"] == "second"]
    assert all(len(each["functions"]) == 1 for each in found), "a module without its functions"
    return len(found)


def _alice(client: Client) -> str:
    return client.scene.alice


def _admin(client: Client) -> str:
    return client.scene.admin


OPERATIONS = {
    "upload a file": Operation(_upload, _uploads),
    "delete a file": deletion(lambda client: client.scene.spare, _alice),
    "create a pipeline": Operation(_create_pipeline, _pipelines),
    "add a task": Operation(_add_task, _tasks),
    "create a run": Operation(_create_run, _runs),
    "claim a job": Operation(_claim, _claims),
    "report a job": Operation(_report, _reports),
    "cancel a run": Operation(_cancel, _cancels),
    "retry a run": Operation(_retry, _retries),
    "delete a run": deletion(lambda client: client.scene.other, _alice),
    "delete a pipeline": deletion(lambda client: client.scene.pipeline, _alice),
    "register a user": Operation(_register, _registrations),
    "log out": Operation(_log_out, _log_outs),
    "delete a user": deletion(lambda client: client.scene.bobs, _admin),
    "register a module": Operation(_register_module, _modules),
}
