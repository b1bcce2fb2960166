"""Repositories are fetched without trust: few transports, bounded, nothing checked out."""

import random
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from git import Repo

from services.modules.errors import RepositoryRefused
from services.modules.git import fetch, repository_url
from services.modules.git_commands import Limits

Commit = Callable[..., str]


@pytest.mark.attack
@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("ext::sh -c true", "'ext'"),
        ("fd::17", "'fd'"),
        ("http://example.org/x.git", "'http'"),
        ("git://example.org/x.git", "'git'"),
        ("ftp://example.org/x.git", "'ftp'"),
        ("https://user:secret@example.org/x.git", "credentials"),
        ("https://token@example.org/x.git", "credentials"),
        ("https://[", "no valid address"),
        ("~nobody-of-this-name/x", "no home folder"),
        ("", "empty"),
        ("a\nb", "control characters"),
    ],
)
def test_an_address_that_could_do_more_than_fetch_is_refused(address: str, why: str) -> None:
    with pytest.raises(RepositoryRefused, match=why):
        repository_url(address)


@pytest.mark.parametrize(
    "address",
    ["https://example.org/x.git", "ssh://git@example.org/x.git", "git@example.org:team/x.git"],
)
def test_an_address_of_an_allowed_transport_stays_as_it_is(address: str) -> None:
    assert repository_url(address) == address


def test_a_folder_becomes_a_url_that_others_can_use(tmp_path: Path) -> None:
    assert repository_url(str(tmp_path / "a b")) == f"{tmp_path.as_uri()}/a%20b"


async def test_a_branch_or_tag_is_fetched_by_its_name(
    repository: Path, commit: Commit, limits: Limits
) -> None:
    first = commit("first")
    with Repo(repository) as repo:
        repo.create_tag("v1")
        repo.create_head("stable")
    newest = commit("second")

    by_default = await fetch(repository.as_uri(), None, limits)
    by_tag = await fetch(repository.as_uri(), "v1", limits)
    by_branch = await fetch(repository.as_uri(), "stable", limits)

    assert (by_default.commit, by_default.branch) == (newest, "main")
    assert (by_tag.commit, by_tag.branch, by_branch.commit) == (first, "v1", first)
    assert by_tag.files == {"mlsploit_module.yaml": b"first"}


async def test_a_repository_that_stands_on_no_branch_can_be_fetched_again(
    repository: Path, commit: Commit, limits: Limits
) -> None:
    commit("on main")
    with Repo(repository) as repo:
        repo.git.checkout("--detach")
    newest = commit("on no branch")

    once = await fetch(repository.as_uri(), None, limits)
    again = await fetch(repository.as_uri(), once.branch, limits)

    assert (once.commit, once.branch, again) == (newest, "HEAD", once)


@pytest.mark.parametrize("branch", ["nothing", "--upload-pack=touch pwned", "a..b"])
async def test_a_branch_that_is_not_there_is_told(
    repository: Path, commit: Commit, limits: Limits, branch: str
) -> None:
    commit()

    with pytest.raises(RepositoryRefused, match=r"cannot fetch file://.*Remote branch"):
        await fetch(repository.as_uri(), branch, limits)


async def test_what_is_no_repository_or_an_empty_one_is_told(
    repository: Path, tmp_path: Path, limits: Limits
) -> None:
    with pytest.raises(RepositoryRefused, match="has no commits"):
        await fetch(repository.as_uri(), None, limits)
    with pytest.raises(RepositoryRefused, match="does not appear to be a git repository"):
        await fetch((tmp_path / "nothing").as_uri(), None, limits)


async def test_a_repository_that_is_too_large_is_refused(repository: Path, commit: Commit) -> None:
    commit(random.randbytes(256 * 1024), "data")

    with pytest.raises(RepositoryRefused, match="larger than 0 MiB"):
        await fetch(repository.as_uri(), None, Limits(seconds_max=30, bytes_max=2**16))


async def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/x.git"

        with pytest.raises(RepositoryRefused, match="took more than"):
            await fetch(url, None, Limits(seconds_max=0.2, bytes_max=2**20))


async def test_a_link_to_a_file_of_this_machine_is_no_definition(
    repository: Path, limits: Limits, tmp_path: Path, definition: str
) -> None:
    secret = tmp_path / "secret.yaml"
    secret.write_text(definition)
    (repository / "mlsploit_module.yaml").symlink_to(secret)
    with Repo(repository) as repo:
        repo.index.add(["mlsploit_module.yaml"])
        repo.index.commit("a link")

    assert (await fetch(repository.as_uri(), None, limits)).files == {}


async def test_settings_of_whoever_runs_it_do_not_count(
    repository: Path,
    commit: Commit,
    limits: Limits,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commit()
    settings = f'[url "{tmp_path}/elsewhere/"]\n\tinsteadOf = {tmp_path.as_uri()}\n'
    (tmp_path / ".gitconfig").write_text(settings)
    monkeypatch.setenv("HOME", str(tmp_path))

    assert (await fetch(repository.as_uri(), None, limits)).branch == "main"
