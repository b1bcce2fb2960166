"""Answers of peers that are kept as they were read, so that asking again for what has not changed
costs a 304.

By itself nothing is believed without being asked: the peer judges the caller and says whether its
answer is still the same (shared/conditional.py). A caller may say how old an answer will do.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

ANSWERS_KEPT_MAX = 500
# As it came; what was read of it takes several times as much.
BYTES_KEPT_MAX = 16 * 1024


@dataclass
class Kept:
    """Nobody may change `value`: everybody gets the same."""

    tag: str
    value: Any
    # When it was last asked for, by time.monotonic().
    asked_at: float


class Remembered:
    """What one process keeps, by what each answer depends on; the oldest make room."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Kept] = OrderedDict()

    def find(self, question: Hashable) -> Kept | None:
        return self._kept.get(question)

    def keep(self, question: Hashable, kept: Kept) -> None:
        self._kept[question] = kept
        self._kept.move_to_end(question)
        if len(self._kept) > ANSWERS_KEPT_MAX:
            self._kept.popitem(last=False)
