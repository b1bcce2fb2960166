"""Passwords: argon2id hashes, and which ones are refused, in the contract's words and order."""

import asyncio
import gzip
import re
from difflib import SequenceMatcher
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from pwdlib import PasswordHash

from shared.errors import InvalidFields

CHARACTERS_MIN = 8
CHARACTERS_MAX = 1024
SIMILARITY_MAX = 0.7

_hasher = PasswordHash.recommended()


async def hash_password(password: str) -> str:
    """In a thread: argon2id is slow on purpose and must not hold up other requests."""
    return await asyncio.to_thread(_hasher.hash, password)


async def matches(password: str, password_hash: str | None) -> bool:
    """With no hash (no such user) it takes as long as with one, so time tells nothing."""
    if password_hash is None:
        await hash_password(password)
        return False
    return await asyncio.to_thread(_hasher.verify, password, password_hash)


def check_new(password: str, repeated: str, *, username: str) -> None:
    """InvalidFields when they differ or are weak, as the contract tells it of a new password."""
    if password != repeated:
        raise InvalidFields.of_field("new_password2", "The two password fields didn't match.")
    faults = weaknesses(password, username)
    if faults:
        raise InvalidFields.of_field("new_password2", *faults)


def weaknesses(password: str | None, username: str) -> list[str]:
    if password is None:
        return []
    faults = []
    if _is_like(password, username):
        faults.append("The password is too similar to the username.")
    if len(password) < CHARACTERS_MIN:
        faults.append(
            f"This password is too short. It must contain at least {CHARACTERS_MIN} characters."
        )
    if password.lower().strip() in _common():
        faults.append("This password is too common.")
    if password.isdigit():
        faults.append("This password is entirely numeric.")
    return faults


@cache
def _common() -> frozenset[str]:
    """Django's list, so that the passwords refused are those that the original refuses.

    Only the list: no code of Django is imported.
    """
    django = find_spec("django")
    assert django is not None
    assert django.submodule_search_locations is not None
    folder = Path(django.submodule_search_locations[0], "contrib", "auth")
    with gzip.open(folder / "common-passwords.txt.gz", "rt", encoding="utf-8") as lines:
        return frozenset(line.strip() for line in lines)


def _is_like(password: str, username: str) -> bool:
    parts = [*re.split(r"\W+", username.lower()), username.lower()]
    return any(
        SequenceMatcher(a=password.lower(), b=part).quick_ratio() >= SIMILARITY_MAX
        for part in parts
        if part
    )
