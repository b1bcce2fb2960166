"""How far made-up requests came: an operation that never succeeds has not been tested.

The hooks note every answer in a file beside the furniture; `summary` counts them at the end.
"""

from collections import Counter, defaultdict
from pathlib import Path

ANSWERS = "answers.txt"


def note(operation: str, status: int) -> None:
    with Path(ANSWERS).open("a") as answers:
        answers.write(f"{operation} {status}\n")


def summary(folder: Path) -> str:
    """A line for each operation that never succeeded, with what it was told instead."""
    statuses: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for line in (folder / ANSWERS).read_text().splitlines():
        operation, _, status = line.rpartition(" ")
        statuses[operation][status] += 1
    total = sum(sum(counts.values()) for counts in statuses.values())
    in_vain = {name: counts for name, counts in statuses.items() if not _succeeded(counts)}
    lines = [f"{len(statuses) - len(in_vain)} of {len(statuses)} operations succeeded, "]
    lines[0] += f"{total} requests in all."
    for name, counts in sorted(in_vain.items()):
        told = ", ".join(f"{status} ({count})" for status, count in sorted(counts.items()))
        lines.append(f"  never: {name}: {told}")
    return "\n".join(lines) + "\n"


def _succeeded(counts: Counter[str]) -> bool:
    return any(status.startswith(("2", "3")) for status in counts)
