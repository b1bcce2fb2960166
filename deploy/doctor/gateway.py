"""Does the gateway answer, and lead to every service? Do all believe one signer, and one clock?"""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from deploy.doctor.surroundings import Surroundings, ask
from deploy.doctor.verdicts import Verdict, fault, ok, warning

# One of each, and what comes without a token.
ROUTES = {
    "users": "/auth/jwks.json",
    "files": "/api/v1/files/",
    "modules": "/api/v1/modules/",
    "pipelines": "/api/v1/pipelines/",
    "runs": "/api/v1/runs/",
    "portal": "/api/v1/",
}
FROM_A_SERVICE = {httpx.codes.OK, httpx.codes.UNAUTHORIZED}
# The portal says 503 for another that is away; for it itself nobody does.
FROM_NOBODY = {httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.BAD_GATEWAY}
SKEW_SECONDS_MAX = 5.0
SKEW_SECONDS_FATAL = 60.0


def check_health(surroundings: Surroundings) -> Verdict:
    about = "gateway"
    answer = ask(f"{surroundings.gateway}/healthz")
    if isinstance(answer, str):
        log = surroundings.log_of("gateway" if surroundings.image else "traefik")
        return fault(about, answer, f"Start it, or correct MLSPLOIT_GATEWAY_URL; see {log}.")
    if answer.is_success:
        return ok(about, f"{answer.request.url} says that all is ready")
    if answer.status_code == httpx.codes.BAD_REQUEST:
        host = answer.request.url.host
        return fault(
            about, f"refuses the name {host}", f"Add {host} to MLSPLOIT_API_ALLOWED_HOSTS."
        )
    said = f"/healthz answers {answer.status_code}: {answer.text}"
    return fault(about, said, "The lines about the services say what each of them needs.")


def check_route(surroundings: Surroundings, app: str) -> Verdict:
    path = ROUTES[app]
    about = f"way to {app}"
    answer = ask(f"{surroundings.gateway}{path}")
    if isinstance(answer, str):
        return fault(about, answer, "See the line about the gateway.")
    is_json = answer.headers.get("content-type", "").startswith("application/json")
    if answer.status_code in FROM_A_SERVICE and is_json:
        return ok(about, f"{path} answers {answer.status_code}")
    if answer.status_code in FROM_NOBODY:
        said = f"{path} answers {answer.status_code}, so nobody is behind it"
        return fault(
            about, said, f"See the line about {app}; if that one is well, the gateway's log."
        )
    remedy = f"The gateway does not lead there: restart {app}, then the gateway."
    return fault(about, f"{path} answers {answer.status_code}", remedy)


def check_signer(surroundings: Surroundings) -> Verdict:
    """As every service does before it believes a token."""
    about = "public keys"
    url = f"{surroundings.address('users')}/auth/jwks.json"
    answer = ask(url)
    if isinstance(answer, str):
        return fault(about, answer, "Without them no token is believed: start users.")
    try:
        count = len(answer.json()["keys"])
    except (ValueError, KeyError, TypeError):
        count = 0
    if count:
        return ok(about, f"{count} at {url}")
    return fault(about, f"none at {url}", "MLSPLOIT_USERS_URL must lead to the service users.")


def check_clock(surroundings: Surroundings) -> Verdict:
    about = "clock"
    before = datetime.now(UTC)
    answer = ask(f"{surroundings.gateway}/healthz")
    if isinstance(answer, str):
        return fault(
            about, "there is no gateway to compare with", "See the line about the gateway."
        )
    after = datetime.now(UTC)
    try:
        theirs = parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError):
        return warning(about, "the gateway names no date", "Is it the gateway that answers there?")
    # It was said at some time between the two, and is cut to whole seconds.
    skew = max((before - theirs).total_seconds() - 1, (theirs - after).total_seconds(), 0)
    said = f"{skew:.0f} s from the gateway's"
    remedy = "Set both machines' clocks by NTP: tokens, links and leases go by them."
    if skew > SKEW_SECONDS_FATAL:
        return fault(about, said, remedy)
    return warning(about, said, remedy) if skew > SKEW_SECONDS_MAX else ok(about, said)
