"""Is somebody there to carry out the jobs of every registered module?

Asked as a worker asks, with its token, through the gateway: whether it is believed is told, too.
"""

from typing import Any

import httpx

from deploy.doctor.surroundings import Surroundings, ask
from deploy.doctor.verdicts import Verdict, fault, ok, warning

ABOUT = "workers"


def check_workers(surroundings: Surroundings) -> Verdict:
    token = surroundings.environ.get("MLSPLOIT_WORKER_TOKEN", "").strip()
    if not token:
        remedy = "Put one of `createworkertoken admin` into MLSPLOIT_WORKER_TOKEN."
        return fault(ABOUT, "there is no token for one", remedy)
    modules = _listed(surroundings, token, "modules")
    present = _listed(surroundings, token, "backends")
    for found in (modules, present):
        if isinstance(found, Verdict):
            return found
    return _judge(surroundings, modules, present)  # type: ignore[arg-type]  # no Verdicts any more


def _judge(surroundings: Surroundings, modules: list[Any], present: list[Any]) -> Verdict:
    if not present:
        log = surroundings.log_of("execution")
        remedy = f"No job will start: start a worker; why it ended is in {log}."
        return fault(ABOUT, f"none is there for {len(modules)} modules", remedy)
    # Whoever names none takes all.
    does_all = any(worker["modules"] is None for worker in present)
    served = {name for worker in present for name in worker["modules"] or ()}
    left = sorted(module["name"] for module in modules if module["name"] not in served)
    if left and not does_all:
        remedy = "Their jobs will wait: add them to MLSPLOIT_MODULES of a worker."
        return warning(ABOUT, f"nobody serves {', '.join(left)}", remedy)
    return ok(ABOUT, f"{len(present)} present, for all of {len(modules)} modules")


def _listed(surroundings: Surroundings, token: str, what: str) -> list[Any] | Verdict:
    headers = {"Authorization": f"Token {token}"}
    answer = ask(f"{surroundings.gateway}/api/v1/{what}/", headers)
    if isinstance(answer, str):
        return fault(ABOUT, answer, "See the line about the gateway.")
    if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        remedy = "Make a new one with `createworkertoken admin` for MLSPLOIT_WORKER_TOKEN."
        return fault(ABOUT, f"the worker's token is refused ({answer.status_code})", remedy)
    try:
        return list(answer.json()) if answer.is_success else _unreadable(what, answer)
    except ValueError:
        return _unreadable(what, answer)


def _unreadable(what: str, answer: httpx.Response) -> Verdict:
    owner = "modules" if what == "modules" else "runs"
    said = f"/api/v1/{what}/ answers {answer.status_code}"
    return fault(ABOUT, said, f"See the line about {owner}.")
