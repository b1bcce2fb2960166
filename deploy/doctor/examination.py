"""Which checks are made where: natively all of them, in a container what can be seen from there.

A container has its own service's settings, secrets, database, files and programs. What all reach
alike is looked at from one of them, and the workers with the token that only theirs has.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial

from deploy.doctor import configuration, gateway, machine, services, streams, workers
from deploy.doctor.migrations import check_database
from deploy.doctor.surroundings import APPS, PROCESSES, SERVICES, Surroundings
from deploy.doctor.verdicts import Grade, Verdict, fault, summary
from shared.settings import PlatformSettings

# Of all containers, the one that looks at what all see alike.
LOOKS_AT_ALL = "users"

Check = Callable[[], Verdict | Iterable[Verdict]]


def examine(surroundings: Surroundings) -> int:
    """Print a line for each check; 1 when something is at fault, else 0."""
    verdicts = []
    for check in _checks(surroundings):
        for verdict in _verdicts(check):
            print(verdict, flush=True)
            verdicts.append(verdict)
    print(summary(verdicts))
    if surroundings.image:
        print(
            f"This was seen from the container of {surroundings.image}; "
            "`./docker-manage-api.sh doctor` looks from all of them."
        )
    return int(any(verdict.grade is Grade.FAULT for verdict in verdicts))


def _verdicts(check: Check) -> Iterable[Verdict]:
    try:
        found = check()
        return [found] if isinstance(found, Verdict) else list(found)
    except SystemExit:
        # Settings that cannot be read; the line about them says so.
        return []
    except Exception as error:
        # Whatever it is: the other checks have their turn.
        name = getattr(check, "func", check).__name__
        return [fault(name, f"could not be carried out ({error!r})", "Please report this.")]


def _checks(surroundings: Surroundings) -> Iterator[Check]:
    mine = _seen_from(surroundings)
    yield partial(configuration.check_names, surroundings)
    for process in mine:
        yield partial(configuration.check_settings, process)
    yield partial(configuration.check_secrets, surroundings)
    for service in SERVICES:
        if service in mine:
            yield partial(check_database, service)
    yield from _of_the_machine(mine)
    if not surroundings.is_running:
        yield partial(_not_running, surroundings)
        return
    if LOOKS_AT_ALL in mine:
        yield from _of_the_system(surroundings)
    if "execution" in mine:
        yield partial(workers.check_workers, surroundings)


def _seen_from(surroundings: Surroundings) -> tuple[str, ...]:
    if surroundings.image is not None:
        return (surroundings.image,)
    # Before the first start nobody has made a token for the worker, and that is no fault.
    is_new = not surroundings.is_running and "MLSPLOIT_WORKER_TOKEN" not in surroundings.environ
    return APPS if is_new else PROCESSES


def _of_the_machine(mine: Iterable[str]) -> Iterator[Check]:
    if "files" in mine:
        yield machine.check_storage
    if {"modules", "execution"} & set(mine):
        yield machine.check_git
    if "execution" in mine:
        yield from (machine.check_worker_folder, machine.check_docker)


def _of_the_system(surroundings: Surroundings) -> Iterator[Check]:
    for app in APPS:
        yield partial(services.check_ready, surroundings, app)
    for service in SERVICES:
        yield partial(services.check_events, surroundings, service)
    yield _streams
    yield partial(gateway.check_health, surroundings)
    for app in gateway.ROUTES:
        yield partial(gateway.check_route, surroundings, app)
    yield partial(gateway.check_signer, surroundings)
    yield partial(gateway.check_clock, surroundings)


def _streams() -> list[Verdict]:
    settings = PlatformSettings.load()
    return streams.check_streams(settings.nats_url, settings.nats_replicas)


def _not_running(surroundings: Surroundings) -> Verdict:
    said = f"none runs on {surroundings.data_dir}"
    return fault(
        "system", said, "Start it with `make run`, and ask again for all that is missing here."
    )
