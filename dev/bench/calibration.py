"""Fixed pieces of pure Python, so that figures of two machines can be compared, or of two moments.

The loop stays where the processor is fastest. A service does not: where other machines share the
memory, it may cost a third more than a minute before, and only `Walk` shows that.
"""

import json
import statistics
import time

ROUNDS = 15
ROWS = 400
# More than any cache holds, and no step near the last.
OBJECTS = 1_000_000
STEPS = 200_000
STRIDE = 786_433


def calibrate() -> float:
    """Milliseconds of processor that this machine takes for it; the median of a few rounds."""
    return statistics.median(_one() for _ in range(ROUNDS))


def _one() -> float:
    began = time.process_time()
    rows = [{"id": number, "url": f"http://bench.test/{number}/"} for number in range(ROWS)]
    grouped: dict[int, list[str]] = {}
    for row in rows * 5:
        grouped.setdefault(int(str(row["id"])) % 7, []).append(str(row["url"]).upper())
    json.loads(json.dumps(rows))
    sorted(text for texts in grouped.values() for text in texts)
    return (time.process_time() - began) * 1000


class Walk:
    """Over objects all over the memory."""

    def __init__(self) -> None:
        objects = [(number, str(number)) for number in range(OBJECTS)]
        self._way = [objects[step * STRIDE % OBJECTS] for step in range(STEPS)]

    def take(self) -> float:
        """Milliseconds of processor; the median of a few rounds."""
        return statistics.median(self._once() for _ in range(ROUNDS // 3))

    def _once(self) -> float:
        began = time.process_time()
        sum(number for number, _ in self._way)
        return (time.process_time() - began) * 1000
