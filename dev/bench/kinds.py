"""Which requests are measured, what each cost the original, and what it may cost here."""

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from itertools import islice, repeat
from urllib.parse import urlsplit

from dev.bench.scene import Item, Scene, made
from dev.bench.wire import Connection

# Three reports on each are more than a second takes; it counts too when no run was measured before.
RUNS_REPORTED_ON = 400

Requests = Callable[[Scene], Awaitable[Iterator[bytes]]]


@dataclass(frozen=True)
class Kind:
    """`original` and `goal` are milliseconds of processor a request; `original` of one process."""

    name: str
    requests: Requests
    status: int = 200
    original: float | None = None
    goal: float | None = None


def _reading(path: str | Callable[[Scene], Item]) -> Requests:
    async def requests(scene: Scene) -> Iterator[bytes]:
        found = path if isinstance(path, str) else urlsplit(path(scene)["url"]).path
        return repeat(scene.reader.get(found))

    return requests


def _again(path: str) -> Requests:
    """The list with the tag that it has now."""

    async def requests(scene: Scene) -> Iterator[bytes]:
        connection = await Connection.open(scene.reader.url)
        answer = await connection.send(scene.reader.get(path))
        connection.close()
        return repeat(scene.reader.get(path, **{"If-None-Match": answer.header("etag")}))

    return requests


async def _new_runs(scene: Scene) -> Iterator[bytes]:
    return scene.new_runs()


async def _reports(scene: Scene) -> Iterator[bytes]:
    """The first job of each of the writer's runs that nobody began, one step after the other."""
    await made(scene.writer.url, list(islice(scene.new_runs(), RUNS_REPORTED_ON)))
    jobs = [
        job
        for job in await scene.writer.reads("/api/v1/jobs/")
        if job["parent_job"] is None and job["status"] == "PENDING"
    ]
    return iter(
        [
            scene.writer.send("PATCH", urlsplit(job["url"]).path, {"status": status})
            for status in ("QUEUED", "RUNNING", "FINISHED")
            for job in jobs
        ]
    )


async def _uploads(scene: Scene) -> Iterator[bytes]:
    return scene.uploads(1024)


KINDS = (
    Kind("GET one file", _reading(lambda scene: scene.file), original=5.7, goal=1.6),
    Kind("GET one job", _reading(lambda scene: scene.job), original=7.0, goal=1.6),
    Kind("GET one run", _reading(lambda scene: scene.run), original=6.1, goal=1.6),
    Kind("GET 300 files", _reading("/api/v1/files/"), original=129, goal=6),
    Kind("GET 600 jobs", _reading("/api/v1/jobs/"), original=286, goal=9),
    Kind("GET 600 jobs, unchanged", _again("/api/v1/jobs/"), 304, original=286, goal=1.5),
    Kind("GET 300 files, unchanged", _again("/api/v1/files/"), 304, original=129, goal=1.5),
    Kind("GET 100 pipelines", _reading("/api/v1/pipelines/"), original=123, goal=6),
    Kind("GET a page of 50 jobs", _reading("/api/v1/jobs/?limit=50")),
    Kind("POST a run", _new_runs, 201, original=13.6, goal=7),
    Kind("PATCH a job's status", _reports, original=8.0, goal=2.5),
    Kind("upload of 1 kB", _uploads, 201, original=7.2, goal=3),
)
