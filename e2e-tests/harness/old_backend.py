"""The original's execution backend, as far as the API can see it.

It polls for PENDING jobs, sends forms, and reads no status: what is JSON counts as done, what is
not ends the task at hand. Its calls are those recorded in contract/cases/flow_backend_job.json.
"""

import json
import os
import queue
import subprocess
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

POLL_SECONDS = 0.2
TASKS_AT_ONCE = 2
REQUEST_SECONDS_MAX = 60.0


class OldBackend:
    """Works on one module's jobs, whose `run.sh` lies in a folder, until the end of its `with`."""

    def __init__(self, url: str, token: str, module: Path) -> None:
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Token {token}"},
            timeout=REQUEST_SECONDS_MAX,
            follow_redirects=True,
            trust_env=False,
        )
        self._module = module
        self._queue: queue.Queue[str] = queue.Queue()
        self._stopping = threading.Event()
        self._threads = ThreadPoolExecutor(TASKS_AT_ONCE + 1)
        self.faults: list[BaseException] = []

    def __enter__(self) -> Self:
        self._threads.submit(self._repeat, self._poll)
        for _ in range(TASKS_AT_ONCE):
            self._threads.submit(self._repeat, self._take)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._threads.shutdown()
        self._http.close()

    def _repeat(self, task: Any) -> None:
        """A task that raises is logged and forgotten, as Celery does it."""
        while not self._stopping.is_set():
            try:
                task()
            except Exception as fault:
                self.faults.append(fault)

    def _poll(self) -> None:
        pending = self._get("/api/v1/jobs", params={"status": "PENDING"})
        for job in [one for one in pending if self._is_actionable(one["url"])]:
            task = self._get(self._get(job["url"])["task"])
            self._get(self._get(task["function"])["module"])
            self._set(job["url"], status="QUEUED")
            self._queue.put(job["url"])
        self._stopping.wait(POLL_SECONDS)

    def _is_actionable(self, job: str) -> bool:
        parent = self._get(job)["parent_job"]
        return parent is None or self._get(parent)["status"] == "FINISHED"

    def _take(self) -> None:
        try:
            job = self._queue.get(timeout=POLL_SECONDS)
        except queue.Empty:
            return
        self._set(job, status="RUNNING")
        log = "--------------------\n"
        self._set(job, logs=log)
        try:
            self._carry_out(job, log)
        except Exception:
            self._set(job, status="FAILED")
            raise

    def _carry_out(self, url: str, log: str) -> None:
        me = self._get("/auth/user")
        job = self._get(url)
        task = self._get(job["task"])
        function = self._get(task["function"])["name"]
        source = job["parent_job"] or job["run"]
        files = [
            self._get(one)
            for one in self._get(source)["output_files" if job["parent_job"] else "files"]
        ]
        log += f"Running function '{function}'\n"
        self._set(url, logs=log)
        with tempfile.TemporaryDirectory() as folder:
            said, output = self._run_module(Path(folder), function, task, files)
            log += f"Starting job...\n[JOB] {said}\n"
            self._set(url, logs=log)
            self._set(url, output=json.dumps(output))
            owner = {} if job["owner"] == me["url"] else {"owner": job["owner"]}
            urls = self._upload(Path(folder) / "output", output, files, owner)
        self._set(url, output_files=urls)
        self._set(url, status="FINISHED")
        self._set(url, logs=log + "Finished job\n")

    def _run_module(
        self, folder: Path, function: str, task: dict[str, Any], files: list[dict[str, Any]]
    ) -> tuple[str, dict[str, Any]]:
        for name in ("input", "output"):
            (folder / name).mkdir()
        for file in files:
            content = httpx.get(file["blob_url"], trust_env=False).content
            (folder / "input" / file["name"]).write_bytes(content)
        document = {
            "name": function,
            "num_files": len(files),
            "files": [file["name"] for file in files],
            "options": json.loads(task["arguments"]),
            "tags": [json.loads(file["tags"]) for file in files],
        }
        (folder / "input" / "input.json").write_text(json.dumps(document))
        environment = {**os.environ, "MLSPLOIT_JOB_DIR": str(folder), "BACKEND": "old"}
        done = subprocess.run(
            ["sh", str(self._module / "run.sh")],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        output = json.loads((folder / "output" / "output.json").read_text())
        return done.stdout.strip(), output

    def _upload(
        self,
        folder: Path,
        output: dict[str, Any],
        files: list[dict[str, Any]],
        owner: dict[str, str],
    ) -> list[str]:
        parents = {file["name"]: file["url"] for file in files}
        urls = []
        for name, tags in zip(output["files"], output["tags"], strict=True):
            fields = {"kind": "OUTPUT", "tags": json.dumps(tags), **owner}
            if name in output["files_modified"]:
                fields["parent_file"] = parents[name]
            blob = {"blob": (name, (folder / name).read_bytes())}
            answer = self._http.post("/api/v1/files/", data=fields, files=blob)
            urls.append(answer.json()["url"])
        return urls

    def _get(self, url: str, **options: Any) -> Any:
        return self._http.get(url, **options).json()

    def _set(self, url: str, **change: Any) -> None:
        self._http.patch(url, data=change).json()
