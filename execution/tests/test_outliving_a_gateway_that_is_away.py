"""The gateway is away for longer than a lease: what was begun goes on unless somebody took it."""

import asyncio
from pathlib import Path

from execution.testing.gateway import GatewayStandIn
from execution.testing.records import StoredJob
from execution.testing.waiting import eventually
from execution.tests.conftest import MakeModule, Work

LEASE_SECONDS = 1.0
# Says each line once it is told to, and how often it was begun.
RUN = """
echo begun >> {trace}
echo before; while ! test -f {go}; do sleep 0.05; done; echo during
while ! test -f {go}.on; do sleep 0.05; done; echo after
echo '{{"files": []}}' > "$MLSPLOIT_JOB_DIR/output/output.json"
"""


class Outage:
    """A job that is at work while its gateway is away."""

    def __init__(self, gateway: GatewayStandIn, make_module: MakeModule, folder: Path) -> None:
        gateway.lease_seconds = LEASE_SECONDS
        self.gateway = gateway
        self.go, self.trace = folder / "go", folder / "trace"
        run = RUN.format(trace=self.trace, go=self.go)
        self.job: StoredJob = gateway.add_job(gateway.register(make_module(run)), "Wait")

    async def begins(self) -> None:
        await eventually(lambda: "before" in self.job.logs)
        await self.gateway.server.stop()
        self.go.touch()

    async def lasts_longer_than_the_lease(self) -> None:
        """By the worker's clock too: a lease that is lost within its time was taken away."""
        over = asyncio.get_running_loop().time() + 2 * LEASE_SECONDS
        await eventually(lambda: asyncio.get_running_loop().time() > over)

    async def ends(self) -> None:
        await self.gateway.server.start()

    def the_module_ends(self) -> None:
        self.go.with_suffix(".on").touch()

    @property
    def times_begun(self) -> int:
        return len(self.trace.read_text().splitlines())


async def test_a_job_goes_on_under_a_new_lease_when_nobody_took_it(
    work: Work, gateway: GatewayStandIn, make_module: MakeModule, tmp_path: Path
) -> None:
    outage = Outage(gateway, make_module, tmp_path)

    async with work() as worker:
        await worker.announce(outage.job)
        await outage.begins()
        gateway.expires(outage.job)
        await outage.lasts_longer_than_the_lease()
        await outage.ends()
        await eventually(lambda: "during" in outage.job.logs)
        outage.the_module_ends()
        await eventually(lambda: outage.job.is_over)

    assert outage.job.history == ["RUNNING", "PENDING", "RUNNING", "FINISHED"]
    assert outage.times_begun == 1
    lines = outage.job.logs.splitlines()
    assert [line for line in lines if "environment" not in line] == [
        "before",
        "mlsploit: attempt 1 ended",
        "during",
        "after",
    ]


async def test_what_ends_while_the_gateway_is_away_is_reported_when_it_is_back(
    work: Work, gateway: GatewayStandIn, make_module: MakeModule, tmp_path: Path
) -> None:
    outage = Outage(gateway, make_module, tmp_path)

    async with work() as worker:
        await worker.announce(outage.job)
        await outage.begins()
        outage.the_module_ends()
        gateway.expires(outage.job)
        await outage.lasts_longer_than_the_lease()
        await outage.ends()
        await eventually(lambda: outage.job.is_over)

    assert outage.job.status == "FINISHED"
    assert outage.times_begun == 1
    assert outage.job.logs.count("after") == 1


async def test_what_somebody_else_took_meanwhile_is_stopped(
    work: Work, gateway: GatewayStandIn, make_module: MakeModule, tmp_path: Path
) -> None:
    outage = Outage(gateway, make_module, tmp_path)

    async with work() as worker:
        await worker.announce(outage.job)
        await outage.begins()
        gateway.expires(outage.job)
        outage.job.status, outage.job.lease = "RUNNING", "somebody else's"
        await outage.lasts_longer_than_the_lease()
        await outage.ends()
        await eventually(lambda: not list(worker.jobs_folder.iterdir()))

    assert outage.job.lease == "somebody else's"
    assert outage.job.history == ["RUNNING", "PENDING"]


async def test_a_lease_that_still_holds_is_simply_kept(
    work: Work, gateway: GatewayStandIn, make_module: MakeModule, tmp_path: Path
) -> None:
    outage = Outage(gateway, make_module, tmp_path)

    async with work() as worker:
        await worker.announce(outage.job)
        await outage.begins()
        await outage.lasts_longer_than_the_lease()
        await outage.ends()
        outage.the_module_ends()
        await eventually(lambda: outage.job.is_over)

    assert outage.job.history == ["RUNNING", "FINISHED"]
    assert outage.times_begun == 1
