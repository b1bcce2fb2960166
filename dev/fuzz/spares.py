"""Things made for one request: what ends a thing, or can be done to it once, gets one of its own.

So the furniture stays, and what is right succeeds however often it is asked: there is a job to
claim, a lease to report under, a run to cancel.
"""

from collections.abc import Callable
from typing import Any

import httpx

from dev.environment import fresh_secret
from dev.fuzz.furniture import RECEIVER, Furniture, made, signed_up
from shared.hyperlinks import id_of

Item = dict[str, Any]


class Spares:
    def __init__(self, home: Furniture):
        self._home = home
        self._client = httpx.Client(base_url=home.url, timeout=30)
        self._makers: dict[str, tuple[str, Callable[[], Any]]] = {
            "revoke_token": ("token_id", lambda: self.token()["id"]),
            "delete_file": ("file_id", self._file),
            "delete_pipeline": ("pipeline_id", self._pipeline),
            "delete_run": ("run_id", lambda: self._run()["id"]),
            "cancel_run": ("run_id", lambda: self._run()["id"]),
            "retry_run": ("run_id", self._canceled_run),
            "delete_webhook": ("webhook_id", self._webhook),
            "claim_job": ("job_id", self._job),
            "change_job": ("job_id", self._job),
            "replace_job": ("job_id", self._job),
        }

    def hand(self, case: Any, operation: str) -> None:
        """In place of furniture, in a request that is well formed."""
        if case.meta is not None and not case.meta.generation.mode.is_positive:
            return
        is_leased = isinstance(case.body, dict) and bool(case.body.get("lease"))
        if is_leased and self._is_furniture(case, "job_id"):
            job_id = self._job()
            claim = self._post(f"/api/v1/jobs/{job_id}/claim/", worker="fuzz")
            case.path_parameters["job_id"] = job_id
            first = {"offset": 0} if "offset" in case.body else {}
            case.body = {**case.body, "lease": claim["lease"]["token"], **first}
        if operation in self._makers:
            name, make = self._makers[operation]
            if self._is_furniture(case, name):
                case.path_parameters[name] = make()

    def token(self) -> Item:
        return self._post("/auth/tokens/", name="spare")

    def user(self) -> tuple[int, str]:
        token = signed_up(self._client, f"spare-{fresh_secret()[:12]}", fresh_secret())
        user = self._client.get("/auth/user/", headers={"Authorization": f"Token {token}"})
        return int(made(user)["id"]), token

    def _is_furniture(self, case: Any, name: str) -> bool:
        given = str((case.path_parameters or {}).get(name))
        return given in map(str, self._home.ids[name])

    def _file(self) -> int:
        return int(self._post("/api/v1/files/", upload=("spare.txt", b"spare"))["id"])

    def _pipeline(self) -> int:
        return int(self._post("/api/v1/pipelines/", name="spare")["id"])

    def _run(self) -> Item:
        """Of a pipeline of its own: others are disabled and deleted meanwhile."""
        pipeline = self._post("/api/v1/pipelines/", name="spare", enabled=True)["url"]
        function = self._home.links["functions"][0]
        self._post("/api/v1/tasks/", pipeline=pipeline, function=function)
        return self._post("/api/v1/runs/", pipeline=pipeline, files=[])

    def _job(self) -> int:
        return id_of(self._run()["jobs"][0])

    def _canceled_run(self) -> int:
        run = self._run()
        self._post(f"/api/v1/runs/{run['id']}/cancel/")
        return int(run["id"])

    def _webhook(self) -> int:
        token = self._home.webhooks_token
        return int(self._post("/api/v1/webhooks/", token=token, target=RECEIVER)["id"])

    def _post(self, path: str, *, token: str = "", upload: Any = None, **body: Any) -> Item:
        headers = {"Authorization": f"Token {token or self._home.token}"}
        sent: dict[str, Any] = {"files": {"blob": upload}} if upload else {"json": body}
        return made(self._client.post(path, headers=headers, **sent))
