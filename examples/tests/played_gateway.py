"""The network, played: a gateway in memory that answers the demo in the contract's shapes.

It carries no rules of the real services; the tests that go through those are in e2e-tests/. Its
jobs advance by one state each time they are looked at, and every function hands its files on with
the tags that a test has chosen.
"""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx

URL = "http://gateway.test"
STATES = ["PENDING", "RUNNING", "FINISHED"]


@dataclass
class PlayedGateway:
    """The label that each of the five jobs gives, and everything that has been asked."""

    labels: list[str] = field(default_factory=lambda: ["7", "9", "9", "-", "7"])
    failing_job: int | None = None
    registration_open: bool = True
    modules: list[str] = field(default_factory=lambda: ["helloworld", "digits"])
    asked: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    looks: int = 0

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self.answer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.asked.append(f"{request.method} {path}")
        match request.method, path.strip("/").split("/"):
            case "POST", ["auth", "registration"]:
                return self._registered()
            case _ if path.startswith("/media/"):
                return httpx.Response(200, content=self.files[path.split("/")[-1]])
            case _ if request.headers.get("Authorization") != "Token t":
                return httpx.Response(401, json={"detail": "Invalid token."})
            case "POST", ["api", "v1", "files"]:
                return self._uploaded(request)
            case "GET", ["api", "v1", "files"]:
                return httpx.Response(200, json=self._outputs())
            case "GET", ["api", "v1", "modules"]:
                return httpx.Response(200, json=[self._module(name) for name in self.modules])
            case "POST", ["api", "v1", "tasks"]:
                self.tasks.append(json.loads(request.content))
                return httpx.Response(201, json={})
            case (_, ["api", "v1", "pipelines"]) | ("PATCH", ["api", "v1", "pipelines", "1"]):
                pipeline = {"url": f"{URL}/api/v1/pipelines/1/", "name": "p"}
                return httpx.Response(200, json=pipeline)
            case "POST", ["api", "v1", "runs"]:
                run = {"id": 1, "url": f"{URL}/api/v1/runs/1/", "jobs": self._job_urls()}
                return httpx.Response(201, json=run)
            case "GET", ["api", "v1", "jobs"]:
                self.looks += 1
                return httpx.Response(200, json=[self._job(place) for place in range(5)][::-1])
        return httpx.Response(404, json={"detail": "Not found."})

    def _registered(self) -> httpx.Response:
        if self.registration_open:
            return httpx.Response(201, json={"token": "t"})
        taken = {"username": ["A user with that username already exists."]}
        return httpx.Response(400, json=taken)

    def _uploaded(self, request: httpx.Request) -> httpx.Response:
        head, _, rest = request.content.partition(b"\r\n\r\n")
        name = head.split(b'filename="')[1].split(b'"')[0].decode()
        self.files[name] = rest.rpartition(b"\r\n--")[0]
        url = f"{URL}/api/v1/files/{len(self.files)}/"
        return httpx.Response(201, json={"url": url, "name": name})

    def _module(self, name: str) -> dict[str, Any]:
        functions = ["Train", "Classify", "FGSM", "Defend"] if name == "digits" else ["Greet"]
        return {"name": name, "functions": [{"name": f, "url": f"{URL}/{f}"} for f in functions]}

    def _job_urls(self) -> list[str]:
        return [f"{URL}/api/v1/jobs/{place}/" for place in range(5)]

    def _job(self, place: int) -> dict[str, Any]:
        # Each job starts when the one before it is finished.
        state = STATES[min(max(self.looks - 2 * place, 0), 2)]
        if place == self.failing_job and state == "FINISHED":
            state = "FAILED"
        return {
            "url": self._job_urls()[place],
            "status": state,
            "logs": "line one\n[/broken] line two\n" if state == "FAILED" else None,
            "output_files": [file["url"] for file in self._outputs() if file["place"] == place],
        }

    def _outputs(self) -> list[dict[str, Any]]:
        return [
            {
                "url": f"{URL}/api/v1/files/{place}-{name}/",
                "name": name,
                "place": place,
                "tags": json.dumps({"label": label, "confidence": 0.5}),
                "blob_url": f"{URL}/media/files/x/{name}",
            }
            for place, label in enumerate(self.labels)
            for name in self.files
        ]
