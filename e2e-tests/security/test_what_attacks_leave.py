"""After many attacks every process of a live system is as large as it was after the first few."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.people import Person

from dev.stack import Stack

pytestmark = pytest.mark.attack
Record = Callable[[str, object], None]

MEBIBYTE = 1024 * 1024
ROUNDS = 6
GROWTH_BYTES_MAX = 64 * MEBIBYTE
# Just within the limit of a body, so that all of it is read and judged.
LARGE = 7 * MEBIBYTE
BODIES = {
    "deep": b"[" * LARGE,
    "wide": b"[" + b"0," * (LARGE // 2) + b"0]",
    "long": b'{"name": "' + b"x" * LARGE + b'"}',
    "too long": b'{"name": "' + b"x" * 2 * LARGE + b'"}',
}
PATHS = ("/api/v1/pipelines/", "/api/v1/runs/", "/auth/tokens/", "/api/v1/files/")


def sizes(system: Stack) -> dict[str, int]:
    """What each process of ours has in memory."""
    found = {}
    for name, pid in system.pids.items():
        status = Path(f"/proc/{pid}/status").read_text()
        if (kibibytes := re.search(r"VmRSS:\s+(\d+) kB", status)) and name != "traefik":
            found[name] = int(kibibytes[1]) * 1024
    return found


def attack(person: Person) -> int:
    """With every body at every path; how many that were."""
    headers = {"Content-Type": "application/json"}
    for path in PATHS:
        for kind, body in BODIES.items():
            answer = person.asks("POST", path, content=body, headers=headers)
            assert answer.status_code in (400, 413), (path, kind, answer.status_code)
    return len(PATHS) * len(BODIES)


def test_no_process_grows_by_what_it_refuses(
    system: Stack, alice: Person, record_property: Record
) -> None:
    tried = sum(attack(alice) for _ in range(2))
    before = sizes(system)

    tried += sum(attack(alice) for _ in range(ROUNDS))

    growth = {name: size - before[name] for name, size in sizes(system).items()}
    record_property("attacks", tried)
    record_property("memory growth, MiB", max(0, *growth.values()) // MEBIBYTE)
    record_property("largest body read to its end, MiB", LARGE // MEBIBYTE)
    assert max(growth.values()) < GROWTH_BYTES_MAX, growth
    assert alice.gets("/api/v1/pipelines/") == []
