"""A small gateway that keeps the worker's part of the API: leases, logs with offsets, reports."""

import asyncio
import hashlib
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import UploadFile

from execution.claims import ModuleVersion
from execution.testing.records import StoredFile, StoredJob

TOKEN = "worker-token"  # noqa: S105


class GatewayStandIn:
    def __init__(self, url: str) -> None:
        self.url = url
        self.server: GatewayServer
        self.jobs: dict[int, StoredJob] = {}
        self.files: dict[int, StoredFile] = {}
        self.modules: list[dict[str, str]] = []
        self.idempotent: dict[str, StoredFile] = {}
        self.lease_seconds = 30.0
        # Paths that contain one of these answer 503, as often as the number says; an upload is
        # told that the same one is still at work.
        self.troubles: dict[str, int] = {}
        self.trouble_count = 0
        # Trouble is what Traefik answers before it has read its routes.
        self.is_starting = False
        self.damaged_downloads = 0
        self.log_bytes_max = 1_000_000
        self.headers_of_downloads: list[dict[str, str]] = []
        # What each backend said last about itself.
        self.backends: dict[str, dict[str, Any]] = {}
        self.presence_seconds = 30.0
        self.registrations = 0
        self.knows_backends = True

    def add_file(self, name: str, content: bytes, tags: dict[str, Any] | None = None) -> StoredFile:
        number = len(self.files) + 1
        url = f"{self.url}/api/v1/files/{number}/"
        self.files[number] = StoredFile(number, url, name, content, tags or {})
        return self.files[number]

    def add_job(self, module: dict[str, str], function: str, **fields: Any) -> StoredJob:
        job = StoredJob(len(self.jobs) + 1, module, function, **fields)
        self.jobs[job.id] = job
        return job

    def outputs_of(self, job: StoredJob) -> list[StoredFile]:
        by_url = {file.url: file for file in self.files.values()}
        return [by_url[url] for url in job.output_files]

    def register(self, module: ModuleVersion) -> dict[str, str]:
        described = {"name": module.name, "repo_url": module.repo_url, "commit": module.commit}
        self.modules.append(described)
        return described

    def takes_away(self, job: StoredJob) -> None:
        job.lease = None

    def expires(self, job: StoredJob) -> None:
        """As the service does it with a job whose backend is silent."""
        self.takes_away(job)
        job.logs += "mlsploit: attempt 1 ended\n"
        self._set_status(job, "PENDING")

    def cancels(self, job: StoredJob) -> None:
        self.takes_away(job)
        self._set_status(job, "CANCELED")

    def app(self) -> FastAPI:
        app = FastAPI()
        app.middleware("http")(self._judge)
        app.get("/api/v1/modules/")(self._list_modules)
        app.post("/api/v1/backends/")(self._register)
        app.post("/api/v1/jobs/{job_id}/claim/")(self._claim)
        app.post("/api/v1/jobs/{job_id}/heartbeat/")(self._heartbeat)
        app.post("/api/v1/jobs/{job_id}/logs/")(self._append_log)
        app.post("/api/v1/jobs/{job_id}/release/")(self._release)
        app.patch("/api/v1/jobs/{job_id}/")(self._finish)
        app.post("/api/v1/files/")(self._upload)
        app.get("/media/{file_id}")(self._download)
        return app

    async def _judge(self, request: Request, call_next: Any) -> Response:
        path = request.url.path
        for part, left in self.troubles.items():
            if part in path and left:
                self.troubles[part] -= 1
                self.trouble_count += 1
                if self.is_starting:
                    return Response("404 page not found\n", 404, media_type="text/plain")
                is_keyed = "idempotency-key" in request.headers
                later = {"Retry-After": "1"} if is_keyed else {}
                return JSONResponse({"detail": "Try again."}, 409 if is_keyed else 503, later)
        is_known = request.headers.get("authorization") == f"Token {TOKEN}"
        if path.startswith("/api/") and not is_known:
            return JSONResponse({"detail": "Invalid token."}, 401)
        response: Response = await call_next(request)
        return response

    async def _list_modules(self) -> Response:
        return JSONResponse(self.modules)

    async def _register(self, request: Request) -> Response:
        self.registrations += 1
        if not self.knows_backends:
            return JSONResponse({"detail": "Not found."}, 404)
        body = await request.json()
        self.backends[body["name"]] = body
        return JSONResponse({**body, "seconds": self.presence_seconds, "seen": "now"})

    async def _claim(self, job_id: int, request: Request) -> Response:
        job = self.jobs.get(job_id)
        if job is None:
            return JSONResponse({"detail": "Not found."}, 404)
        if job.status != "PENDING":
            return JSONResponse({"detail": f"Job is {job.status}."}, 409)
        job.attempt += 1
        job.worker = (await request.json())["worker"]
        job.lease = f"lease-{job.id}-{job.attempt}"
        self._set_status(job, "RUNNING")
        return JSONResponse(
            {
                "job": {"id": job.id, "status": job.status, "log_bytes": len(job.logs.encode())},
                "lease": {
                    "token": job.lease,
                    "attempt": job.attempt,
                    "seconds": self.lease_seconds,
                    "expires_at": "2030-01-01T00:00:00Z",
                },
                "module": job.module,
                "function": job.function,
                "options": job.options,
                "timeout_seconds": job.timeout_seconds,
                "owner": f"{self.url}/api/v1/users/7/",
                "files": [self._input(file) for file in job.files],
            }
        )

    def _input(self, file: StoredFile) -> dict[str, Any]:
        return {
            "id": file.id,
            "url": file.url,
            "name": file.name,
            "blob_url": f"{self.url}/media/{file.id}",
            "size": len(file.content),
            "sha256": hashlib.sha256(file.content).hexdigest(),
            "tags": file.tags,
        }

    async def _heartbeat(self, job_id: int, request: Request) -> Response:
        job, stale = await self._leased(job_id, request)
        job.heartbeats += 1
        return stale or JSONResponse({"lease": {}})

    async def _append_log(self, job_id: int, request: Request) -> Response:
        job = self.jobs[job_id]
        if job.lease != request.headers["x-lease"]:
            return JSONResponse({"detail": "The lease is stale."}, 409)
        stored, piece = job.logs.encode(), await request.body()
        offset = int(request.query_params["offset"])
        if offset > len(stored):
            return JSONResponse({"detail": "Gap.", "offset": len(stored)}, 409)
        is_full = len(stored) + len(piece) > self.log_bytes_max
        if offset == len(stored) and not is_full:
            job.logs = (stored + piece).decode()
        return JSONResponse({"offset": len(job.logs.encode()), "full": is_full})

    async def _release(self, job_id: int, request: Request) -> Response:
        job, stale = await self._leased(job_id, request)
        if stale:
            return stale
        job.lease, job.attempt = None, job.attempt - 1
        self._set_status(job, "PENDING")
        return JSONResponse({})

    async def _finish(self, job_id: int, request: Request) -> Response:
        job, stale = await self._leased(job_id, request)
        if stale:
            return stale
        body = await request.json()
        if "refuse" in (body.get("output") or ""):
            return JSONResponse({"output": ["Not a valid JSON text."]}, 400)
        job.output = body.get("output")
        job.output_files = body.get("output_files", [])
        job.lease = None
        self._set_status(job, body["status"])
        return JSONResponse({})

    async def _upload(self, request: Request) -> Response:
        key = request.headers["idempotency-key"]
        async with request.form() as form:
            blob = form["blob"]
            assert isinstance(blob, UploadFile)
            content = await blob.read()
            if not content:
                return JSONResponse({"blob": ["The submitted file is empty."]}, 400)
            if key not in self.idempotent:
                file = self.add_file(blob.filename or "", content, json.loads(str(form["tags"])))
                file.kind, file.owner = str(form["kind"]), str(form["owner"])
                file.parent = str(form["parent_file"]) if "parent_file" in form else None
                self.idempotent[key] = file
        return JSONResponse({"url": self.idempotent[key].url}, 201)

    async def _download(self, file_id: int, request: Request) -> Response:
        self.headers_of_downloads.append(dict(request.headers))
        content = self.files[file_id].content
        if self.damaged_downloads:
            self.damaged_downloads -= 1
            content = content[:-1]
        return Response(content)

    async def _leased(self, job_id: int, request: Request) -> tuple[StoredJob, Response | None]:
        job = self.jobs[job_id]
        lease = (await request.json())["lease"]
        if job.lease == lease:
            return job, None
        return job, JSONResponse({"detail": "The lease is stale."}, 409)

    def _set_status(self, job: StoredJob, status: str) -> None:
        job.status = status
        job.history.append(status)


class GatewayServer:
    """Serves the stand-in; may go away, connections and all, and come back at the same address."""

    def __init__(self) -> None:
        self._socket = _listen(0)
        self.port = self._socket.getsockname()[1]
        self.gateway = GatewayStandIn(f"http://127.0.0.1:{self.port}")
        self.gateway.server = self

    async def start(self) -> None:
        self._socket = self._socket if self._socket.fileno() >= 0 else _listen(self.port)
        config = uvicorn.Config(
            self.gateway.app(), log_level="warning", lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))

    async def stop(self) -> None:
        self._server.should_exit = True
        await self._serving
        self._socket.close()


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    return listener


@asynccontextmanager
async def running_gateway() -> AsyncIterator[GatewayStandIn]:
    server = GatewayServer()
    await server.start()
    try:
        yield server.gateway
    finally:
        await server.stop()
