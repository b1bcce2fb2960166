"""What a repository, its address or its definition can hold to harm the service that reads it."""

import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from git import Repo

from services.modules import service
from services.modules.addresses import pin_to_public
from services.modules.clones import PREFIX, clone_folder, remove_abandoned
from services.modules.definition import DefinitionRefused, parse_definition
from services.modules.definition.nodes import FILE_BYTES_MAX
from services.modules.errors import RepositoryRefused
from services.modules.git import fetch, repository_url
from services.modules.git_commands import Limits
from shared.testing import eventually as waiting

pytestmark = pytest.mark.attack

Commit = Callable[..., str]
MEBIBYTE = 1024 * 1024
HOLD_A_CLONE = """
import sys, time
from services.modules.clones import clone_folder
with clone_folder() as folder:
    (folder / "HEAD").touch()
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def clones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where clones are made; every test but those of leftovers leaves it empty."""
    folder = tmp_path / "clones"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


def add_quickly(repository: Path) -> None:
    """By git itself, and with little effort."""
    with Repo(repository) as repo:
        repo.git.config("core.compression", "1")
        repo.git.add(".")


async def test_a_definition_of_100_megabytes_is_refused_before_it_is_read(
    repository: Path, commit: Commit, limits: Limits
) -> None:
    (repository / "mlsploit_module.yaml").write_bytes(b"#" * 100 * MEBIBYTE)
    add_quickly(repository)
    commit("", "README")

    tracemalloc.start()
    with pytest.raises(DefinitionRefused, match=f"larger than {FILE_BYTES_MAX} bytes"):
        await service.fetch_candidate("edge", repository.as_uri(), None, limits)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 8 * MEBIBYTE


async def test_objects_that_take_too_much_memory_are_refused(
    repository: Path, commit: Commit, limits: Limits
) -> None:
    """Both are whole in memory while one is made out of the other; the pack is small."""
    zeros = bytes(32 * MEBIBYTE)
    (repository / "a").write_bytes(zeros)
    (repository / "b").write_bytes(zeros + b"1")
    add_quickly(repository)
    commit()
    little = replace(limits, memory_bytes_max=72 * MEBIBYTE)

    assert await fetch(repository.as_uri(), None, limits)
    with pytest.raises(RepositoryRefused, match="takes too much memory"):
        await fetch(repository.as_uri(), None, little)


async def test_a_failed_clone_leaves_nothing(repository: Path, commit: Commit) -> None:
    """Seen by the fixture."""
    commit(random.randbytes(256 * 1024), "data")

    with pytest.raises(RepositoryRefused, match="larger than"):
        await fetch(repository.as_uri(), None, Limits(seconds_max=30, bytes_max=2**16))


async def test_a_clone_out_of_time_leaves_no_process() -> None:
    """The address leads to a socket that never answers; a helper of git's waits for it."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/x.git"

        with pytest.raises(RepositoryRefused, match="took more than"):
            await fetch(url, None, Limits(seconds_max=1, bytes_max=2**20))

    async def none_is_left() -> bool:
        lines = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
        return not any(url in line for line in lines)

    await waiting.eventually(none_is_left, within=60)


def test_a_clone_of_a_killed_process_is_removed_at_the_next_start(clones: Path) -> None:
    holding = subprocess.Popen(
        [sys.executable, "-c", HOLD_A_CLONE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holding.stdout is not None
    folder = Path(holding.stdout.readline().strip())

    remove_abandoned()
    assert folder.is_dir()
    holding.kill()
    holding.communicate()
    remove_abandoned()

    assert not folder.exists()


def test_a_killed_process_that_had_only_begun_is_forgotten_in_time(clones: Path) -> None:
    begun = Path(tempfile.mkdtemp(prefix="mlsploit-begun-"))
    remove_abandoned()
    assert begun.is_dir()
    os.utime(begun, (time.time() - 7200, time.time() - 7200))

    remove_abandoned()

    assert not begun.exists()


def test_a_link_with_a_clones_name_is_not_followed(clones: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    link = clones / f"{PREFIX}link"
    link.symlink_to(tmp_path / "precious")

    with clone_folder():
        assert (tmp_path / "precious").is_dir()

    assert (tmp_path / "precious").is_dir()
    link.unlink()


@pytest.mark.parametrize(
    "address",
    [
        "https://somebody:secret@example.org/x.git",
        "https://secret@example.org/x.git",
        "ssh://git:secret@example.org/x.git",
        "http://somebody:secret@example.org/x.git",
        "https://somebody:secret@[",
        "https://somebody:secret@example.org:port/x.git",
        "somebody:secret@example.org/x.git",
    ],
)
async def test_credentials_in_an_address_are_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(RepositoryRefused) as refused:
        await pin_to_public(repository_url(address), is_private_allowed=False)

    assert "secret" not in str(refused.value)


async def test_a_name_that_leads_to_a_private_address_is_refused_by_request() -> None:
    with pytest.raises(RepositoryRefused, match="'localhost' is not a public address"):
        await pin_to_public("https://localhost/x.git", is_private_allowed=False)


@pytest.mark.parametrize("branch", ["--upload-pack=touch pwned", "-u", "-uev", "--config=x.y=z"])
async def test_a_branch_is_never_an_option(
    repository: Path, commit: Commit, limits: Limits, branch: str
) -> None:
    commit()

    with pytest.raises(RepositoryRefused, match="cannot fetch"):
        await fetch(repository.as_uri(), branch, limits)


@pytest.mark.parametrize("address", ["-u", "--upload-pack=touch pwned", "ext::sh -c 'touch pwned'"])
async def test_an_address_is_never_an_option_or_a_command(address: str, limits: Limits) -> None:
    with pytest.raises(RepositoryRefused):
        await service.fetch_candidate("edge", address, None, limits)

    assert not list(Path.cwd().glob("pwned"))


async def test_submodules_are_not_looked_at(
    repository: Path, commit: Commit, limits: Limits, definition: str
) -> None:
    given = '[submodule "s"]\n\tpath = s\n\turl = ext::sh -c touch% pwned\n'
    commit(given, ".gitmodules")
    newest = commit(definition)
    with Repo(repository) as repo:
        repo.git.update_index("--add", "--cacheinfo", f"160000,{newest},s")
        repo.git.execute(["git", "-c", "user.name=A", "-c", "user.email=a@b", "commit", "-m", "s"])

    fetched = await fetch(repository.as_uri(), None, limits)

    assert fetched.files == {"mlsploit_module.yaml": definition.encode()}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: !!int " + "1:591" * 50_000, "at most 1024 bits"),
        ("a: 0x" + "f" * 200_000, "at most 1024 bits"),
        ("- " * 100_000, "levels deep"),
        ("[" * 100_000, "levels deep"),
        ("{a: " * 100_000, "levels deep"),
    ],
)
def test_a_text_that_would_take_long_to_read_is_refused(text: str, why: str) -> None:
    with pytest.raises(DefinitionRefused, match=why):
        parse_definition({"mlsploit_module.yaml": text.encode()[:FILE_BYTES_MAX]}, name="x")
