"""Nothing that a system holds may belong to nothing: looked at when everything is over."""

import asyncio

from dev.orphans import find_blob_faults, find_orphans
from dev.stack import Stack
from dev.waiting import eventually

# Cascades take a second; a blob goes a moment after its file.
SETTLED_SECONDS_MAX = 30.0


def expect_no_leftovers(stack: Stack) -> None:
    """The five databases and the blob store agree, at once or in a moment."""
    settings = stack.environment()
    seen: list[str] = []

    def is_settled() -> bool:
        seen[:] = asyncio.run(find_orphans(settings))
        return not seen

    try:
        eventually(is_settled, "nothing is left", seconds_max=SETTLED_SECONDS_MAX)
    except TimeoutError:
        raise AssertionError("\n".join(["left behind:", *seen])) from None
    assert find_blob_faults(settings) == []
