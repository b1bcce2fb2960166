"""Whether the whole system can work: every service is asked at once, none may hold up the answer.

The answer is public. It names the checks that fail and keeps their texts, which may hold addresses,
inside.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx

ANSWER_SECONDS_MAX = 2.0
# The one that is asked first may be a replica on its way out, whose service has others.
TRIES = 2
READY = "ready"

Status = dict[str, Any]


async def ask_all(http: httpx.AsyncClient, services: Mapping[str, str]) -> dict[str, Status]:
    """The status of each service by its name; `services` maps names to inner addresses."""
    statuses = await asyncio.gather(*(_ask(http, url) for url in services.values()))
    return dict(zip(services, statuses, strict=True))


def summary(statuses: Mapping[str, Status]) -> Status:
    whole = all(status["status"] == READY for status in statuses.values())
    return {"status": READY if whole else "unready", "services": dict(statuses)}


async def _ask(http: httpx.AsyncClient, url: str) -> Status:
    for _ in range(TRIES):
        try:
            answer = await http.get(f"{url}/readyz", timeout=ANSWER_SECONDS_MAX)
            return _status(answer.is_success, answer.json())
        except httpx.HTTPError:
            continue
        except ValueError:
            break
    return {"status": "unreachable"}


def _status(ready: bool, body: Any) -> Status:
    if ready:
        return {"status": READY}
    checks = body.get("checks", {}) if isinstance(body, dict) else {}
    return {"status": "unready", "failing": [name for name, said in checks.items() if said != "ok"]}
