"""Which MLSPLOIT_* names there are: `.env.example` is the list, and every image holds a copy of it.

One `.env` serves all processes, so a name that any of them knows is fine in each. A misspelt one
would be silently without effect.
"""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from pathlib import Path

PREFIX = "MLSPLOIT_"
LIST = Path(__file__).resolve().parent.parent / ".env.example"
DOCUMENTED = re.compile(r"^(?:# )?(MLSPLOIT_\w+)=", re.MULTILINE)
SERVICES = ("USERS", "FILES", "MODULES", "PIPELINES", "RUNS")
# Where the processes find each other is for whoever starts them to say.
INNER = re.compile(rf"MLSPLOIT_(NATS|GATEWAY|PORTAL|{'|'.join(SERVICES)})_URL")


def unknown_names(given: Iterable[str], of_every_service: Iterable[str]) -> Iterator[str]:
    """A sentence for each that is none, with the one that was meant, if it looks like it."""
    known = set(DOCUMENTED.findall(LIST.read_text()))
    # What every service has is documented once, with runs as the example.
    known |= {f"{PREFIX}{service}_{each}" for service in SERVICES for each in of_every_service}
    for name in sorted(given):
        wanted = name.upper()
        if not wanted.startswith(PREFIX) or wanted in known or INNER.fullmatch(wanted):
            continue
        meant = [f"; {like} is" for like in get_close_matches(wanted, known, n=1, cutoff=0.8)]
        yield f"{name}: is no setting{''.join(meant)} (.env.example has them all)"
