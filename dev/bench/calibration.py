"""A fixed piece of pure Python, so that figures of two machines can be compared."""

import json
import statistics
import time

ROUNDS = 15
ROWS = 400


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
