"""Are the settings valid for each process, and the secrets worth their name?"""

import importlib
import os
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

from deploy.doctor.surroundings import Surroundings
from deploy.doctor.verdicts import Verdict, fault, ok, warning
from shared.settings import PlatformSettings, unknown_names

CHARACTERS_MIN = 16
DIFFERENT_CHARACTERS_MIN = 8
SECRET = re.compile(r"MLSPLOIT_\w+_(KEYS?|PASSWORD)")
WITH_PASSWORD = re.compile(r"MLSPLOIT_(NATS|\w+_DATABASE)_URL")
WELL_KNOWN = re.compile(
    "change|this|me|default|example|insecure|secret|password|minio|postgres|admin|test|dev|"
    "mlsploit|key|please|your|my|foo|bar|qwerty|letmein|django|0123456789|12345678?9?0?"
)
FRESH = "write a fresh one (`sh deploy/secrets.sh --one`) into {name}"


def settings_of(process: str) -> PlatformSettings:
    """As the process itself reads them; what is wrong is a SystemExit that says so."""
    loaded: PlatformSettings = _settings_class(process).load()
    return loaded


def check_settings(process: str) -> Verdict:
    about = f"settings of {process}"
    try:
        settings_of(process)
    except SystemExit as refusal:
        lines = "; ".join(str(refusal.code).splitlines())
        return fault(about, lines, "Correct it in .env (.env.example explains each), and restart.")
    return ok(about, "valid")


def check_names(surroundings: Surroundings) -> Verdict:
    unknown = unknown_names(surroundings.environ)
    # Said here, once: what else the processes were told is judged without it.
    for sentence in unknown:
        os.environ.pop(sentence.partition(":")[0], None)
    if unknown:
        remedy = "Correct the name, or take the line out of .env."
        return fault("names of settings", "; ".join(unknown), remedy)
    return ok("names of settings", "all known")


def check_secrets(surroundings: Surroundings) -> Iterator[Verdict]:
    """One line for each that is bad, or one for all."""
    secrets = dict(_secrets(surroundings))
    bad = [verdict for name, secret in secrets.items() if (verdict := _judge(name, secret))]
    first_with = {secret: name for name, secret in reversed(secrets.items())}
    bad += [
        warning(
            name, f"is the same as {other}", f"Secrets are kept apart: {FRESH}.".format(name=name)
        )
        for name, secret in secrets.items()
        if (other := first_with[secret]) != name and not name.endswith("_URL")
    ]
    yield from bad or [ok("secrets", f"{len(secrets)} seen here, none short or well known")]


def _settings_class(process: str) -> Any:
    if process == "execution":
        return importlib.import_module("execution.settings").WorkerSettings
    package = "gateway.portal" if process == "portal" else f"services.{process}"
    return getattr(importlib.import_module(f"{package}.settings"), f"{process.title()}Settings")


def _secrets(surroundings: Surroundings) -> Iterator[tuple[str, str]]:
    for name, value in sorted(surroundings.environ.items()):
        if SECRET.fullmatch(name):
            yield from ((name, part.strip()) for part in value.split(",") if part.strip())
        elif WITH_PASSWORD.fullmatch(name) and (password := urlsplit(value).password):
            yield name, unquote(password)


def _judge(name: str, secret: str) -> Verdict | None:
    remedy = f"Anybody could guess it: {FRESH}, and restart.".format(name=name)
    rest = WELL_KNOWN.sub("", secret.lower())
    if len(set(rest)) < DIFFERENT_CHARACTERS_MIN:
        return fault(name, "is made of well-known words, or of few characters", remedy)
    if len(secret) < CHARACTERS_MIN:
        return warning(name, f"has {len(secret)} characters, fewer than {CHARACTERS_MIN}", remedy)
    return None
