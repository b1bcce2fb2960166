"""Passwords: argon2id hashes, and which ones are refused, in the contract's words and order."""

import asyncio
import gzip
import os
import re
from concurrent.futures import ThreadPoolExecutor
from difflib import SequenceMatcher
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from pwdlib import PasswordHash

from shared.errors import InvalidFields

CHARACTERS_MIN = 8
CHARACTERS_MAX = 1024
SIMILARITY_MAX = 0.7

_hasher = PasswordHash.recommended()
# Slow and hungry on purpose (64 MiB each), so no more at a time than there are processors, and in
# threads of their own: neither other requests nor the memory must suffer.
_threads = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="argon2")


class Comparison(NamedTuple):
    """`better_hash` is set when the password is right and its hash weaker than those made today."""

    is_right: bool
    better_hash: str | None


async def hash_password(password: str) -> str:
    return await asyncio.get_running_loop().run_in_executor(_threads, _hasher.hash, password)


async def compare(password: str, password_hash: str | None) -> Comparison:
    """With no hash (no such user) it takes as long as with one, so time tells nothing."""
    if password_hash is None:
        await hash_password(password)
        return Comparison(False, None)
    work = partial(_hasher.verify_and_update, password, password_hash)
    return Comparison(*await asyncio.get_running_loop().run_in_executor(_threads, work))


async def matches(password: str, password_hash: str) -> bool:
    return (await compare(password, password_hash)).is_right


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
