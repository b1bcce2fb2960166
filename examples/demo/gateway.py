"""The gateway as this client sees it: one method per request that the demonstration makes.

Whatever goes wrong on the way becomes a `DemoError` that names the request; nothing here knows of
digits or attacks.
"""

import json
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from .errors import DemoError

TIMEOUT_SECONDS = 30.0
ANSWER_CHARACTERS_MAX = 500

Item = dict[str, Any]
"""One object as the API answers it."""


class Gateway:
    """A signed-out client at first; signed in for good after `register`."""

    def __init__(self, url: str, *, transport: httpx.BaseTransport | None = None) -> None:
        # No proxy from the environment: a gateway on this machine is not behind one.
        self._client = httpx.Client(
            base_url=url,
            timeout=TIMEOUT_SECONDS,
            transport=transport,
            trust_env=False,
            follow_redirects=True,
        )
        self._url = url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def register(self, username: str, password: str) -> None:
        body = {"username": username, "password1": password, "password2": password}
        token = self._send("POST", "/auth/registration/", json=body).json()["token"]
        self._client.headers["Authorization"] = f"Token {token}"

    def upload(self, path: Path) -> Item:
        blob = {"blob": (path.name, path.read_bytes(), "image/png")}
        return self._item("POST", "/api/v1/files/", files=blob)

    def functions(self, module: str) -> dict[str, Item]:
        """The functions of a module, by name."""
        for found in self._items("/api/v1/modules/"):
            if found["name"] == module:
                return {function["name"]: function for function in found["functions"]}
        raise DemoError(
            f"the gateway at {self._url} has no module named {module}: register the example modules"
        )

    def create_pipeline(self, name: str) -> Item:
        return self._item("POST", "/api/v1/pipelines/", json={"name": name})

    def add_task(self, pipeline: Item, function: Item, arguments: dict[str, Any]) -> Item:
        body = {
            "pipeline": pipeline["url"],
            "function": function["url"],
            # The API takes and gives arguments as a text that holds JSON.
            "arguments": json.dumps(arguments),
        }
        return self._item("POST", "/api/v1/tasks/", json=body)

    def enable(self, pipeline: Item) -> Item:
        return self._item("PATCH", pipeline["url"], json={"enabled": True})

    def start_run(self, pipeline: Item, files: list[Item]) -> Item:
        body = {"pipeline": pipeline["url"], "files": [file["url"] for file in files]}
        return self._item("POST", "/api/v1/runs/", json=body)

    def jobs(self, run: Item) -> list[Item]:
        """The jobs of a run, in the order of its tasks."""
        jobs = {job["url"]: job for job in self._items("/api/v1/jobs/", run=run["id"])}
        return [jobs[url] for url in run["jobs"]]

    def output_files(self) -> dict[str, Item]:
        """All files that jobs have made for this user, by url."""
        return {file["url"]: file for file in self._items("/api/v1/files/", kind="OUTPUT")}

    def download(self, file: Item) -> bytes:
        return self._send("GET", file["blob_url"]).content

    def _item(self, method: str, url: str, **body: Any) -> Item:
        item: Item = self._send(method, url, **body).json()
        return item

    def _items(self, url: str, **filters: str | int) -> list[Item]:
        items: list[Item] = self._send("GET", url, params=filters).json()
        return items

    def _send(self, method: str, url: str, **parts: Any) -> httpx.Response:
        try:
            response = self._client.request(method, url, **parts)
        except (httpx.ConnectError, httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise DemoError(
                f"no gateway answers at {self._url}: start the system with `make run`,"
                " or say where it is with --url"
            ) from error
        except httpx.HTTPError as error:
            raise DemoError(f"{method} {url} got no answer: {error}") from error
        if response.is_error:
            told = response.text[:ANSWER_CHARACTERS_MAX]
            raise DemoError(f"{method} {url} answered {response.status_code}: {told}")
        return response
