"""The worker tells the gateway which modules it serves, for as long as it does."""

from execution.testing.gateway import GatewayStandIn
from execution.testing.waiting import eventually
from execution.tests.conftest import MakeModule, Work

NOTHING = """echo '{"files": [], "tags": []}' > /mnt/output/output.json"""


def modules_served(gateway: GatewayStandIn) -> list[str] | None:
    served: list[list[str]] = [body["modules"] for body in gateway.backends.values()]
    return served[0] if served else None


async def test_what_is_served_is_told_at_once_and_taken_back_at_the_end(
    work: Work, gateway: GatewayStandIn, make_module: MakeModule
) -> None:
    gateway.presence_seconds = 3600
    gateway.register(make_module(NOTHING, name="one"))

    async with work(jobs=3, name="here") as worker:
        await eventually(lambda: modules_served(gateway) == ["one"])
        gateway.register(make_module(NOTHING, name="two"))
        await worker.tell_of_modules()
        await eventually(lambda: modules_served(gateway) == ["one", "two"])
        assert gateway.backends["here"]["jobs"] == 3

    assert modules_served(gateway) == []


async def test_it_is_repeated_before_it_is_forgotten(work: Work, gateway: GatewayStandIn) -> None:
    gateway.presence_seconds = 0.1

    async with work():
        await eventually(lambda: gateway.registrations > 5)


async def test_a_gateway_that_does_not_know_backends_is_no_hindrance(
    work: Work, gateway: GatewayStandIn, make_module: MakeModule
) -> None:
    gateway.knows_backends = False
    job = gateway.add_job(gateway.register(make_module(NOTHING)), "Nothing")

    async with work() as worker:
        await eventually(lambda: gateway.registrations > 0)
        await worker.announce(job)
        await eventually(lambda: job.is_over)

    assert job.status == "FINISHED"
