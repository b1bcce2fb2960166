"""What a route is tried on: fresh things of one owner, and a body that the route would take.

Invariant: every thing carries `mark` in what its owner wrote, so that it can be looked for in
answers to others.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from harness.people import Item, Person, accepted, step

from security.people import Everybody

# Nobody listens there, and nobody else would be reached.
NOWHERE = "http://127.0.0.1:9/"
NEW_PASSWORD = "an altogether new password"


@dataclass
class Scene:
    """Things are made when a path or a body asks for them."""

    everybody: Everybody
    owner: Person
    mark: str = field(default_factory=lambda: f"mark{secrets.token_hex(8)}")

    @cached_property
    def file(self) -> Item:
        return self.owner.uploads(f"{self.mark}.txt", b"content", tags=f'{{"a": "{self.mark}"}}')

    @cached_property
    def function(self) -> Item:
        [module] = [one for one in self.owner.gets("/api/v1/modules/") if one["name"] == "probe"]
        found: Item = next(one for one in module["functions"] if one["name"] == "ProbePlain")
        return found

    @cached_property
    def module(self) -> str:
        """One that nobody will miss."""
        system, name = self.everybody.system, f"doomed-{secrets.token_hex(4)}"
        system.register_probe_as(name)
        [found] = [one for one in self.owner.gets("/api/v1/modules/") if one["name"] == name]
        return str(found["id"])

    @cached_property
    def pipeline(self) -> Item:
        return self.owner.builds_pipeline(step("probe", "ProbePlain"), name=self.mark)

    @cached_property
    def run(self) -> Item:
        return self.owner.runs(self.pipeline, [self.file])

    @cached_property
    def job(self) -> Item:
        [job] = self.owner.sees_jobs(self.run)
        return job

    @cached_property
    def lease(self) -> str:
        claimed = accepted(self.owner.asks("POST", f"{self.job['url']}claim/", json={}))
        return str(claimed["lease"]["token"])

    @cached_property
    def webhook(self) -> Item:
        body = {"target": NOWHERE, "description": self.mark}
        made: Item = accepted(self.owner.asks("POST", "/api/v1/webhooks/", json=body))
        return made

    @cached_property
    def token(self) -> Item:
        made: Item = accepted(self.owner.asks("POST", "/auth/tokens/", json={"name": self.mark}))
        return made

    def path(self, template: str) -> str:
        """The route's path, with the ids of this scene's things."""
        for name, value in self._values(template).items():
            template = template.replace(f"{{{name}}}", value)
        return template

    def _values(self, template: str) -> dict[str, str]:
        makers: dict[str, Any] = {
            "user_id": lambda: self.owner.gets("/auth/user/")["id"],
            "file_id": lambda: self.file["id"],
            "module_id": lambda: self.module,
            "function_id": lambda: self.function["id"],
            "pipeline_id": lambda: self.pipeline["id"],
            "task_id": lambda: self.pipeline["tasks"][0]["id"],
            "run_id": lambda: self.run["id"],
            "job_id": lambda: self.job["id"],
            "webhook_id": lambda: self.webhook["id"],
            "token_id": lambda: self.token["id"],
            "link": lambda: self.file["blob_url"].split("/")[-2],
            "name": lambda: self.file["name"],
        }
        return {name: str(make()) for name, make in makers.items() if f"{{{name}}}" in template}

    def body(self, route: str, role: str, person: Person) -> dict[str, Any]:
        """Keywords of a request that this person, if they may, is answered with success."""
        name = secrets.token_hex(8)
        made: dict[str, Callable[[], Item]] = {
            "POST /auth/registration/": lambda: _registration(name),
            "POST /auth/login/": lambda: _credentials(self.owner),
            "POST /auth/password/change/": lambda: _new_password(person.password),
            "POST /auth/password/reset/": lambda: {"email": f"{name}@example.org"},
            "PUT /auth/user/": lambda: {"username": f"u-{name}"},
            "PATCH /auth/user/": lambda: {"username": f"u-{name}"},
            "PUT /api/v1/users/{user_id}/": lambda: {"username": f"u-{name}"},
            "PATCH /api/v1/users/{user_id}/": lambda: {"username": f"u-{name}"},
            "POST /auth/tokens/": lambda: {"name": name},
            "PATCH /api/v1/files/{file_id}/": lambda: {"tags": "{}"},
            "PUT /api/v1/files/{file_id}/": lambda: {"tags": "{}", "owner": self.file["owner"]},
            "POST /api/v1/modules/validate/": lambda: {"definition": "functions: []"},
            "POST /api/v1/modules/register/": lambda: {"name": name, "repo_url": "https://[::]/x"},
            "POST /api/v1/pipelines/": lambda: {"name": name},
            "PUT /api/v1/pipelines/{pipeline_id}/": lambda: {"name": name},
            "PATCH /api/v1/pipelines/{pipeline_id}/": lambda: {"name": name},
            "POST /api/v1/tasks/": lambda: self._own_task(role),
            "POST /api/v1/runs/": lambda: self._own_run(role),
            "PATCH /api/v1/jobs/{job_id}/": lambda: {"status": "RUNNING", "lease": self.lease},
            "PUT /api/v1/jobs/{job_id}/": lambda: {"status": "RUNNING", "lease": self.lease},
            "POST /api/v1/jobs/{job_id}/heartbeat/": lambda: {"lease": self.lease},
            "POST /api/v1/jobs/{job_id}/release/": lambda: {"lease": self.lease},
            "POST /api/v1/jobs/{job_id}/logs/": lambda: {
                "lease": self.lease,
                "offset": 0,
                "text": "line\n",
            },
            "POST /api/v1/backends/": lambda: {"name": name},
            "POST /api/v1/webhooks/": lambda: {"target": NOWHERE},
            "PATCH /api/v1/webhooks/{webhook_id}/": lambda: {"description": name},
        }
        if route == "POST /api/v1/files/":
            owner = self.owner.gets("/auth/user/")["url"]
            return {
                "files": {"blob": ("a.txt", b"a")},
                "data": {"kind": "OUTPUT", "owner": owner},
            }
        return {"json": made[route]()} if route in made else {}

    def _own_task(self, role: str) -> Item:
        """Everybody names a pipeline of their own here; those of others are tried elsewhere."""
        pipeline = self.pipeline
        if role == "other user":
            pipeline = self.everybody.bob.builds_pipeline()
        return {"pipeline": pipeline["url"], "function": self.function["url"]}

    def _own_run(self, role: str) -> Item:
        pipeline = self.pipeline
        if role == "other user":
            pipeline = self.everybody.bob.builds_pipeline(step("probe", "ProbePlain"))
        return {"pipeline": pipeline["url"], "files": []}

    def prepare(self, route: str) -> None:
        """What must have happened before."""
        if route.endswith("/retry/"):
            accepted(self.owner.asks("POST", f"{self.run['url']}cancel/"))

    def end(self) -> None:
        """A lease that ends later would change what another scene looks at."""
        if "run" in self.__dict__:
            self.owner.asks("DELETE", self.run["url"])
        if "webhook" in self.__dict__:
            self.owner.asks("DELETE", self.webhook["url"])


def _registration(name: str) -> Item:
    password = secrets.token_urlsafe(16)
    return {"username": f"r-{name}", "password1": password, "password2": password}


def _credentials(person: Person) -> Item:
    return {"username": person.username, "password": person.password}


def _new_password(old: str) -> Item:
    return {"old_password": old, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
