"""What a repository can hold to harm the worker that checks it out, and how it is refused."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

import execution.git
from execution.checkout import Checkouts
from execution.claims import ModuleVersion
from execution.contents import ContentLimits
from execution.failures import JobFailed
from execution.git import failure
from execution.testing.repositories import LIMITS, commit_of, git, make_repository

pytestmark = pytest.mark.attack

BRANCHES, LEVELS = 10, 12


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    make_repository(tmp_path / "sample", {"run.sh": "true"})
    return tmp_path / "sample"


async def refused(
    module: ModuleVersion, folder: Path, match: str, limits: ContentLimits = LIMITS
) -> None:
    """With that reason, and nothing of it is left."""
    checkouts = Checkouts(folder / "checkouts", limits, kept_max=9)
    checkouts.clear_leftovers()

    with pytest.raises(JobFailed, match=match):
        await checkouts.prepare(module, bytearray().extend)

    assert list((folder / "checkouts").iterdir()) == []


@pytest.mark.parametrize(
    ("links", "named"),
    [
        ({"a": "/etc/shadow"}, "a"),
        ({".dockerignore": "/dev/zero"}, ".dockerignore"),
        ({"a": "../../jobs"}, "a"),
        # By its text alone the second one stays inside.
        ({"d/e/root": "../..", "a": "d/e/root/../x"}, "a"),
        ({"a": "b", "b": "/etc"}, "[ab]"),
    ],
)
async def test_a_link_that_leads_out_is_refused(
    repository: Path, tmp_path: Path, links: dict[str, str], named: str
) -> None:
    for name, target in links.items():
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).symlink_to(target)
    git(repository, "add", ".")

    reason = f"holds a link that leads out of it: {named}$"
    await refused(commit_of(repository), tmp_path, reason)


async def test_a_link_that_stays_inside_is_kept(repository: Path, tmp_path: Path) -> None:
    (repository / "a").symlink_to("run.sh")
    (repository / "loop").symlink_to("loop")
    git(repository, "add", ".")
    checkouts = Checkouts(tmp_path / "checkouts", LIMITS, kept_max=9)
    checkouts.clear_leftovers()

    path = await checkouts.prepare(commit_of(repository), bytearray().extend)

    assert (path / "a").read_text() == "true"


async def test_more_files_than_allowed_are_refused(repository: Path, tmp_path: Path) -> None:
    for number in range(4):
        (repository / str(number)).touch()
    git(repository, "add", ".")

    reason = "holds more than 4 files"
    await refused(commit_of(repository), tmp_path, reason, replace(LIMITS, files_max=4))


async def test_a_tree_that_unfolds_without_end_is_refused(repository: Path, tmp_path: Path) -> None:
    """A few objects, and a million million files."""
    blob = git(repository, "rev-parse", "HEAD:run.sh")
    tree = git(repository, "mktree", given=f"100644 blob {blob}\tf\n")
    for _ in range(LEVELS):
        entries = "".join(f"040000 tree {tree}\t{number}\n" for number in range(BRANCHES))
        tree = git(repository, "mktree", given=entries)
    author = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    commit = git(repository, *author, "commit-tree", "-m", "A", tree)
    git(repository, "update-ref", "HEAD", commit)
    module = ModuleVersion(name="sample", repo_url=repository.as_uri(), commit=commit)

    await refused(module, tmp_path, "holds more than 1000 files")


async def test_a_file_that_unfolds_to_more_than_allowed_is_refused(
    repository: Path, tmp_path: Path
) -> None:
    limits = replace(LIMITS, bytes_max=1024 * 1024)
    (repository / "zeros").write_bytes(bytes(limits.bytes_max))
    git(repository, "add", ".")

    reason = f"holds more than {limits.bytes_max} bytes"
    await refused(commit_of(repository), tmp_path, reason, limits)


async def test_a_repository_that_is_too_large_to_fetch_is_refused(
    repository: Path, tmp_path: Path
) -> None:
    (repository / "noise").write_bytes(random.randbytes(512 * 1024))
    git(repository, "add", ".")

    limits = replace(LIMITS, bytes_max=256 * 1024)
    await refused(commit_of(repository), tmp_path, "larger than 262144 bytes", limits)


async def test_objects_that_take_too_much_memory_are_refused(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are whole in memory while one is made out of the other; the pack is small."""
    zeros = bytes(LIMITS.bytes_max // 4)
    (repository / "a").write_bytes(zeros)
    (repository / "b").write_bytes(zeros + b"1")
    git(repository, "config", "core.compression", "1")
    git(repository, "add", ".")
    monkeypatch.setattr(execution.git, "MEMORY_BYTES_MAX", LIMITS.bytes_max // 2)

    await refused(commit_of(repository), tmp_path, "takes too much memory to read")


async def test_submodules_are_never_fetched_and_that_is_told(
    repository: Path, tmp_path: Path
) -> None:
    inner = make_repository(tmp_path / "inner", {"a": "a"})
    given = f'[submodule "s"]\n\tpath = s\n\turl = {inner.repo_url}\n'
    (repository / ".gitmodules").write_text(given)
    git(repository, "add", ".")
    git(repository, "update-index", "--add", "--cacheinfo", f"160000,{inner.commit},s")
    checkouts = Checkouts(tmp_path / "checkouts", LIMITS, kept_max=9)
    checkouts.clear_leftovers()
    said = bytearray()

    path = await checkouts.prepare(commit_of(repository), said.extend)

    assert list((path / "s").iterdir()) == []
    assert b"submodules are not fetched" in said


def test_credentials_in_an_address_are_not_repeated() -> None:
    said = b"fatal: cannot reach https://somebody:secret@example.org/x.git"

    assert str(failure("fetch", 128, said)).endswith("cannot reach https://example.org/x.git")
