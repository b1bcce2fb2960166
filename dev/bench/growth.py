"""`make bench-growth`: what one user's requests cost while a system is small, and when it is full.

The user has the same in both: 1000 jobs of 500 runs, 100 files, 10 pipelines. The rest is others'.
"""

import argparse
import asyncio
import json
import subprocess
import sys
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from itertools import repeat

from dev.bench.accounts import Accounts
from dev.bench.calibration import calibrate
from dev.bench.filling import Amounts, copies, fill
from dev.bench.long_lists import whole_list
from dev.bench.measuring import cost
from dev.bench.scene import Item, Person, made, pipelines_of
from dev.bench.system import POSTGRES, SERVICES, SQLITE, system
from dev.bench.wire import Connection
from dev.environment import ROOT
from dev.faults import told_in_one_sentence
from dev.seed import ADMIN
from dev.stack import Stack
from shared.testing.postgres import NoPostgres

OWN = Amounts(jobs=1000, files=100, pipelines=10)
FULL = Amounts(jobs=1_000_000, files=100_000, pipelines=10_000)
USERS = 1000
# Nobody's: no service looks whether they exist.
OTHERS = 1_000_000
RATIO_MAX = 1.5
ROUNDS = 3
# What an administrator may ask for without a page, and which service then answers.
WHOLE = (("files", "files/"), ("runs", "jobs/"))
# Numbers of copies begin here: beyond all that the API makes, before and meanwhile.
BASE, OTHERS_BASE = 10_000, 1_000_000


@told_in_one_sentence
def main() -> int:
    asked = _arguments()
    for database in asked.databases:
        try:
            with system(database) as (stack, accounts, _):
                asyncio.run(_measure(database, stack, accounts, asked))
        except NoPostgres as reason:
            print(f"Not on Postgres: {reason}")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-growth", description=__doc__)
    parser.add_argument("--databases", nargs="*", default=[SQLITE, POSTGRES])
    parser.add_argument("--share", type=float, default=1.0, help="of a million jobs, such as 0.1")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each measurement")
    return parser.parse_args()


async def _measure(
    database: str, stack: Stack, accounts: Accounts, asked: argparse.Namespace
) -> None:
    person = Person.register(stack.url)
    template = await _template(person)
    owner = str(template["owner"]).rstrip("/").rpartition("/")[2]
    urls = _urls(stack)
    full = Amounts(*(int(each * asked.share) for each in (FULL.jobs, FULL.files, FULL.pipelines)))
    await fill(urls, copies(owner, BASE, OWN))
    admin = Person(stack.url, _admin_token(stack))
    small = await _costs(person, admin, template, accounts, BASE + OWN.jobs // 4, asked.seconds)
    await fill(urls, copies(f"{OTHERS} + i % {USERS - 1}", OTHERS_BASE, full))
    middle = OTHERS_BASE + full.jobs // 4
    large = await _costs(person, admin, template, accounts, middle, asked.seconds)
    print(f"\n{database}: CPU ms a request; calibration loop {calibrate():.2f} ms")
    print(f"{'':34}{OWN.jobs:>10} jobs{full.jobs:>10} jobs   ratio (at most {RATIO_MAX})")
    for name, before in small.items():
        ratio = large[name] / before
        print(f"{name:34}{before:15.2f}{large[name]:15.2f}{ratio:8.2f}", flush=True)
    for service, path in WHOLE:
        print(await whole_list(admin, f"/api/v1/{path}", stack.pids[service]), flush=True)


async def _template(person: Person) -> Item:
    """A run with all that it is made of, of which everything else is a copy."""
    [file] = [json.loads(a.body) for a in await made(person.url, [person.upload("a.txt", b"Ada")])]
    [pipeline] = await pipelines_of(person, 1)
    body = {"pipeline": pipeline["url"], "files": [file["url"]]}
    [answer] = await made(person.url, [person.send("POST", "/api/v1/runs/", body)])
    run: Item = json.loads(answer.body)
    return run


async def _costs(
    person: Person,
    admin: Person,
    run: Item,
    accounts: Accounts,
    middle_run: int,
    seconds: float,
) -> dict[str, float]:
    [file] = run["files"]
    body = {"pipeline": run["pipeline"], "files": [file]}
    requests: dict[str, Iterator[bytes]] = {
        name: repeat(person.get(f"/api/v1/{path}"))
        for name, path in (
            ("a page of jobs", "jobs/?limit=50"),
            ("its second page", f"jobs/?limit=50&cursor={_cursor(BASE * 2 + 50)}"),
            ("newest jobs first", "jobs/?limit=50&ordering=-id"),
            ("latest jobs by date", "jobs/?limit=50&ordering=-date_created"),
            ("jobs that wait", "jobs/?status=PENDING&limit=50"),
            ("jobs of a run", f"jobs/?run={BASE + 1}"),
            ("one job", f"jobs/{BASE * 2 + 1}/"),
            ("one run", f"runs/{BASE + 1}/"),
            ("runs of a pipeline", f"runs/?pipeline={BASE + 1}"),
            ("a page of files", "files/?limit=50"),
            ("one file", f"files/{BASE + 1}/"),
            ("a page of pipelines", "pipelines/?limit=5"),
        )
    }
    again = await _tag(person, "/api/v1/jobs/")
    requests["all own jobs, unchanged (304)"] = repeat(
        person.get("/api/v1/jobs/", **{"If-None-Match": again})
    )
    requests["an administrator's first page"] = repeat(admin.get("/api/v1/jobs/?limit=50"))
    requests["an administrator's middle page"] = repeat(
        admin.get(f"/api/v1/jobs/?limit=50&cursor={_cursor(middle_run * 2)}")
    )
    requests["an administrator's latest by date"] = repeat(
        admin.get("/api/v1/jobs/?limit=50&ordering=-date_created")
    )
    requests["a backend's poll"] = repeat(admin.get("/api/v1/jobs/?status=QUEUED"))
    requests["POST a run"] = repeat(person.send("POST", "/api/v1/runs/", body))
    requests["an upload of 1 kB"] = repeat(person.upload("a.txt", bytes(1024)))
    rounds = [
        {
            name: await cost(person.url, each, accounts, seconds=seconds / ROUNDS)
            for name, each in requests.items()
        }
        for _ in range(ROUNDS)
    ]
    # Other work on the machine only ever adds to a cost.
    return {name: min(costs[name] for costs in rounds) for name in requests}


async def _tag(person: Person, path: str) -> str:
    connection = await Connection.open(person.url)
    answer = await connection.send(person.get(path))
    connection.close()
    return answer.header("etag")


def _cursor(last_id: int) -> str:
    """As a `Link` header has it after this job; to follow links there would take an hour."""
    text = json.dumps(["id", last_id, last_id], separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def _urls(stack: Stack) -> Mapping[str, str]:
    environment = stack.environment()
    return {
        name: environment.get(f"MLSPLOIT_{name.upper()}_DATABASE_URL")
        or f"sqlite+aiosqlite:///{stack.data_dir / name / name}.sqlite3"
        for name in SERVICES
    }


def _admin_token(stack: Stack) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", "drf_create_token", ADMIN],
        cwd=ROOT,
        env=stack.environment(),
        check=True,
        capture_output=True,
        text=True,
    )
    return next(word for word in done.stdout.split() if word.count(".") == 2)


if __name__ == "__main__":
    sys.exit(main())
