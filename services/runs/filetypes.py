"""Which files a function takes, by the ends of their names. Pure.

A function names one expected and some optional types. Old definitions that name none take
anything, and so does `*`; an empty type among others means a name without an extension.
"""

from collections.abc import Sequence
from pathlib import PurePosixPath

ANY = "*"


def takes(name: str, types: Sequence[str]) -> bool:
    if ANY in types or not any(types):
        return True
    lowered = name.lower()
    return any(_ends_in(lowered, each.lower()) for each in types)


def file_faults(names: Sequence[str], types: Sequence[str]) -> list[str]:
    """A sentence for each file that does not fit, and for each name that comes twice."""
    listed = ", ".join(sorted({each or "no extension" for each in types}))
    faults = [
        f"File '{name}' is not of a type that the first function takes ({listed})."
        for name in names
        if not takes(name, types)
    ]
    twice = sorted({name for name in names if names.count(name) > 1})
    return faults + [f"Two files are named '{name}'." for name in twice]


def _ends_in(name: str, filetype: str) -> bool:
    if not filetype:
        return not PurePosixPath(name).suffix
    return name.endswith(f".{filetype}")
