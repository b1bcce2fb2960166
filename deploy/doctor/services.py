"""Does each service say that it is ready, and do its events get away and get handled?"""

from prometheus_client.parser import text_string_to_metric_families

from deploy.doctor.surroundings import Surroundings, ask
from deploy.doctor.verdicts import Verdict, fault, ok, warning

LAG_SECONDS_MAX = 30.0
OUTBOX = "mlsploit_outbox_messages"
LAG = "mlsploit_outbox_lag_seconds"
DEAD_LETTERS = "mlsploit_dead_letters"
REMEDIES = {
    "database": "Start its database, or correct its address (MLSPLOIT_*_DATABASE_URL)",
    "writing": "Make room on its disk, or let it write: only what is read is served until then",
    "nats": "Start NATS, or correct MLSPLOIT_NATS_URL; until then events wait",
    "storage": "Make room where files are stored, or make the place writable",
}


def check_ready(surroundings: Surroundings, app: str) -> Verdict:
    about, log = f"{app} is ready", surroundings.log_of(app)
    answer = ask(f"{surroundings.address(app)}/readyz")
    if isinstance(answer, str):
        return fault(about, answer, f"Start it; why it ended is in {log}.")
    try:
        checks = dict(answer.json()["checks"])
    except (ValueError, KeyError, TypeError):
        said = f"{answer.request.url} answers {answer.status_code}, but is no service"
        return fault(
            about, said, f"Something else has its address: correct MLSPLOIT_{app.upper()}_URL."
        )
    said = ", ".join(f"{name} {verdict}" for name, verdict in checks.items())
    failing = [name for name, verdict in checks.items() if verdict != "ok"]
    if answer.is_success and not failing:
        return ok(about, said or "ok")
    remedy = REMEDIES.get(failing[0] if failing else "", "Look for the reason")
    return fault(about, said, f"{remedy}; more is in {log}.")


def check_events(surroundings: Surroundings, service: str) -> Verdict:
    """As its metrics tell, which are a few seconds old."""
    about = f"events of {service}"
    answer = ask(f"{surroundings.address(service)}/metrics")
    if isinstance(answer, str):
        return fault(about, answer, "Start the service; its events wait until then.")
    try:
        values = _values(answer.text)
        waiting, lag, dead = (values[name] for name in (OUTBOX, LAG, DEAD_LETTERS))
    except (ValueError, KeyError):
        said = f"{answer.request.url} has no metrics of a service"
        return fault(about, said, f"Correct MLSPLOIT_{service.upper()}_URL.")
    said = f"{waiting:.0f} wait, for {lag:.0f} s at most; {dead:.0f} given up"
    if lag > LAG_SECONDS_MAX:
        log = surroundings.log_of(service)
        return fault(about, said, f"They do not get to NATS: see its line below, and {log}.")
    if dead:
        commands = f"`deadletters {service}` shows why, `replaydead {service}` tries again"
        return warning(about, said, f"{commands} once the reason is gone.")
    return ok(about, said)


def _values(page: str) -> dict[str, float]:
    families = text_string_to_metric_families(page)
    return {one.name: one.value for family in families for one in family.samples}
