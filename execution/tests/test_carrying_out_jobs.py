"""The whole of a job: announced, claimed, run, reported."""

import json
from typing import Any

import pytest

from execution.testing.gateway import GatewayStandIn
from execution.testing.waiting import eventually
from execution.tests.conftest import MakeModule, Work

SHOUT = """
import json, pathlib
job = json.loads(pathlib.Path("/mnt/input/input.json").read_text())
out = pathlib.Path("/mnt/output")
for name in job["files"]:
    (out / name).write_text(pathlib.Path("/mnt/input", name).read_text().upper())
(out / "made.txt").write_text(job["options"]["word"])
print("shouted", job["files"], job["tags"])
(out / "output.json").write_text(json.dumps({
    "name": job["name"], "files": [*job["files"], "made.txt"], "files_created": ["made.txt"],
    "files_modified": job["files"], "tags": [{"loud": True}] * len(job["files"]) + [{}],
}))
"""
NOTHING = """echo '{"files": [], "tags": []}' > /mnt/output/output.json"""


async def test_a_job_is_claimed_run_and_reported_with_its_outputs(
    work: Work, gateway: GatewayStandIn, make_module: MakeModule
) -> None:
    module = gateway.register(make_module("python shout.py", shout__py=SHOUT))
    file = gateway.add_file("a.txt", b"hello", {"lang": "en"})
    job = gateway.add_job(module, "Shout", options={"word": "new"}, files=[file])

    async with work() as worker:
        await worker.announce(job)
        await eventually(lambda: job.is_over)
        assert await worker.messages_left() == 0

    assert job.history == ["RUNNING", "FINISHED"], job.logs
    assert "shouted ['a.txt'] [{'lang': 'en'}]" in job.logs
    assert json.loads(job.output or "")["files"] == ["a.txt", "made.txt"]
    changed, made = gateway.outputs_of(job)
    assert (changed.content, changed.parent, changed.tags) == (b"HELLO", file.url, {"loud": True})
    assert (made.content, made.parent, made.kind) == (b"new", None, "OUTPUT")
    assert made.owner == f"{gateway.url}/api/v1/users/7/"
    assert all("authorization" not in headers for headers in gateway.headers_of_downloads)
    assert list(worker.jobs_folder.iterdir()) == []


async def test_logs_arrive_while_the_module_runs(
    work: Work, gateway: GatewayStandIn, make_module: MakeModule
) -> None:
    run = f"echo first; while ! test -f /mnt/input/go; do sleep 0.05; done; {NOTHING}"
    job = gateway.add_job(gateway.register(make_module(run)), "Wait")

    async with work() as worker:
        await worker.announce(job)
        await eventually(lambda: "first" in job.logs)
        assert job.status == "RUNNING"
        [folder] = worker.jobs_folder.iterdir()
        (folder / "input" / "go").touch()
        await eventually(lambda: job.is_over)

    assert job.status == "FINISHED", job.logs


async def test_an_output_may_have_any_name(
    work: Work, gateway: GatewayStandIn, make_module: MakeModule
) -> None:
    run = """echo x > "/mnt/output/größe 1%.txt"
echo '{"files": ["größe 1%.txt"]}' > /mnt/output/output.json"""
    job = gateway.add_job(gateway.register(make_module(run)), "Name")

    async with work() as worker:
        await worker.announce(job)
        await eventually(lambda: job.is_over)

    assert job.status == "FINISHED", job.logs
    assert [file.name for file in gateway.outputs_of(job)] == ["größe 1%.txt"]


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        ("exit 3", "run.sh ended with exit code 3"),
        ("true", "output.json is missing"),
        (
            """echo '{"files": ["a.png"], "files_created": ["a.png"]}' > /mnt/output/output.json""",
            "output.json lists a.png, which is not in output/",
        ),
        ("sleep 60 # soon", "time limit of 3 s reached"),
        ("head -c 3000000 /dev/zero > /mnt/output/big", "wrote more than 1000000 bytes"),
        (
            "head -c 3000000 /dev/zero > /mnt/output/big; sleep 60",
            "wrote more than 1000000 bytes",
        ),
        (
            """touch /mnt/output/e; echo '{"files": ["e"]}' > /mnt/output/output.json""",
            "e was not accepted: The submitted file is empty.",
        ),
        (
            """echo '{"files": [], "x": "refuse"}' > /mnt/output/output.json""",
            "the module's result was not accepted: Not a valid JSON text.",
        ),
    ],
)
async def test_a_failure_is_told_in_the_jobs_log(
    work: Work,
    gateway: GatewayStandIn,
    make_module: MakeModule,
    run: str,
    sentence: str,
) -> None:
    module = gateway.register(make_module(f"echo -n said; {run}"))
    job = gateway.add_job(module, "Fail", timeout_seconds=3 if "soon" in run else 60)

    async with work(output_bytes_max=1000000) as worker:
        await worker.announce(job)
        await eventually(lambda: job.is_over)

    assert job.status == "FAILED"
    assert "said\nmlsploit: " in job.logs
    assert sentence in job.logs
    assert list(worker.jobs_folder.iterdir()) == []


async def test_an_input_handed_on_is_listed_as_itself(
    work: Work, gateway: GatewayStandIn, make_module: MakeModule
) -> None:
    document: dict[str, Any] = {"files": ["a.txt", "b.txt"], "tags": [{}, {"label": "good"}]}
    run = f"echo '{json.dumps(document)}' > /mnt/output/output.json"
    files = [gateway.add_file("a.txt", b"a"), gateway.add_file("b.txt", b"b", {"old": 1})]
    job = gateway.add_job(gateway.register(make_module(run)), "Look", files=files)

    async with work() as worker:
        await worker.announce(job)
        await eventually(lambda: job.is_over)

    same, tagged = gateway.outputs_of(job)
    assert same is files[0]
    assert (tagged.content, tagged.parent) == (b"b", files[1].url)
    assert tagged.tags == {"old": 1, "label": "good"}


@pytest.mark.parametrize("is_starting", [False, True])
async def test_trouble_at_the_gateway_is_waited_out_at_every_step(
    work: Work, gateway: GatewayStandIn, make_module: MakeModule, is_starting: bool
) -> None:
    gateway.is_starting = is_starting
    module = gateway.register(make_module("python shout.py", shout__py=SHOUT))
    file = gateway.add_file("a.txt", b"hello")
    job = gateway.add_job(module, "Shout", options={"word": "new"}, files=[file])
    gateway.damaged_downloads = 1

    async with work() as worker:
        gateway.troubles = {"/media/": 2, "/logs/": 2, "/api/v1/files/": 1, f"/jobs/{job.id}/": 1}
        await worker.announce(job)
        await eventually(lambda: job.is_over)

    assert job.history == ["RUNNING", "FINISHED"], job.logs
    assert not any(gateway.troubles.values())
    assert job.logs.count("shouted") == 1
    assert len(gateway.outputs_of(job)) == 2


async def test_a_full_log_does_not_end_the_job(
    work: Work, gateway: GatewayStandIn, make_module: MakeModule
) -> None:
    gateway.log_bytes_max = 10
    job = gateway.add_job(gateway.register(make_module(f"seq 1000; {NOTHING}")), "Talk")

    async with work() as worker:
        await worker.announce(job)
        await eventually(lambda: job.is_over)

    assert job.status == "FINISHED"
    assert len(job.logs) <= 10
