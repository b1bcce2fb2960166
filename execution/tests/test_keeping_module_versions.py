"""What was made for a module's version is kept for its next job, and not for ever."""

import os
from pathlib import Path

import pytest

from execution.checkout import Checkouts
from execution.claims import ModuleVersion
from execution.environments import Environments
from execution.testing.repositories import LIMITS, make_repository


@pytest.fixture
def versions(tmp_path: Path) -> list[ModuleVersion]:
    return [make_repository(tmp_path / "sample", {"run.sh": str(n)}) for n in range(4)]


def kept(folder: Path, versions: list[ModuleVersion]) -> list[int]:
    found = {path.name for path in folder.iterdir()}
    numbers = [number for number, version in enumerate(versions) if version.key in found]
    assert len(numbers) == len(found)
    return numbers


def age(path: Path, seconds: int) -> None:
    """As if it had been used so long ago: clocks of file systems are coarse."""
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


async def test_the_checkout_goes_that_was_not_used_for_longest(
    tmp_path: Path, versions: list[ModuleVersion]
) -> None:
    checkouts = Checkouts(tmp_path / "checkouts", LIMITS, kept_max=2)
    checkouts.clear_leftovers()
    for n in (0, 1):
        age(await checkouts.prepare(versions[n], bytearray().extend), 100 - n)

    age(await checkouts.prepare(versions[0], bytearray().extend), 50)
    age(await checkouts.prepare(versions[2], bytearray().extend), 40)
    assert kept(tmp_path / "checkouts", versions) == [0, 2]
    with checkouts.using(versions[0]):
        await checkouts.prepare(versions[3], bytearray().extend)
        assert kept(tmp_path / "checkouts", versions) == [0, 2, 3]

    await checkouts.prepare(versions[3], bytearray().extend)
    assert kept(tmp_path / "checkouts", versions) == [0, 3]


async def test_environments_are_kept_by_the_same_rule(
    tmp_path: Path, versions: list[ModuleVersion]
) -> None:
    environments = Environments(tmp_path / "environments", seconds_max=120, kept_max=1)
    environments.clear_leftovers()
    for version in versions[:2]:
        await environments.prepare(version, tmp_path, bytearray().extend)
        age(environments.path(version), 100)

    assert kept(tmp_path / "environments", versions) == [1]


async def test_what_a_killed_worker_was_removing_is_removed(
    tmp_path: Path, versions: list[ModuleVersion]
) -> None:
    checkouts = Checkouts(tmp_path / "checkouts", LIMITS, kept_max=2)
    (tmp_path / "checkouts" / "removing-x" / "y").mkdir(parents=True)

    checkouts.clear_leftovers()

    assert list((tmp_path / "checkouts").iterdir()) == []
