"""Administrators register modules over HTTP. Ssh is played; what it reaches is a repository."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from services.modules.addresses import pin_to_public
from services.modules.errors import RepositoryRefused
from services.modules.git_commands import pinned
from services.modules.models import Module
from shared.testing.fixtures import Published
from shared.testing.tokens import Signer

Commit = Callable[..., str]
Register = Callable[..., Awaitable[Module]]
REGISTER = "/api/v1/modules/register/"
# Documentation has no address that counts as public.
PUBLIC = "8.8.8.8"


@pytest.fixture
def admin(signer: Signer) -> dict[str, str]:
    return signer.headers(9, is_staff=True)


@pytest.fixture
def ssh_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An `ssh` that carries out the command here, and notes how it was called."""
    folder = tmp_path / "bin"
    folder.mkdir()
    words = tmp_path / "ssh-words"
    program = folder / "ssh"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {words}\nfor last; do :; done\nexec sh -c "$last"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return words


async def test_an_administrator_registers_and_updates_a_module(
    client: httpx.AsyncClient,
    admin: dict[str, str],
    repository: Path,
    commit: Commit,
    definition: str,
    ssh_words: Path,
    published: Published,
) -> None:
    first = commit()
    body = {"name": "edge", "repo_url": f"ssh://git@{PUBLIC}{repository}", "repo_branch": "main"}

    made = await client.post(REGISTER, headers=admin, json=body)

    assert made.status_code == 201, made.text
    module = made.json()
    assert made.headers["location"] == module["url"]
    assert (module["name"], module["commit"]) == ("edge", first)
    assert (await client.get(module["url"], headers=admin)).json() == module
    assert f"HostName={PUBLIC}" in ssh_words.read_text()
    second = commit(definition.replace("A module", "Another"))
    updated = await client.post(f"{module['url']}update/", headers=admin)
    assert (updated.status_code, updated.json()["commit"]) == (200, second)
    told = [subject.removeprefix("mlsploit.events.") for subject, _ in await published()]
    assert told == ["modules.module.registered", "modules.module.updated"]


async def test_what_an_operator_registered_from_a_folder_is_updated_too(
    client: httpx.AsyncClient, admin: dict[str, str], register: Register, commit: Commit
) -> None:
    commit()
    module = await register()
    newest = commit("a change", file="README")

    answer = await client.post(f"/api/v1/modules/{module.id}/update/", headers=admin)

    assert (answer.status_code, answer.json()["commit"]) == (200, newest)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x.git",
        "https://localhost/x.git",
        "https://10.0.0.8:8443/x.git",
        "https://169.254.169.254/latest",
        "https://[::1]/x.git",
        "https://[::ffff:127.0.0.1]/x.git",
        "https://0.0.0.0/x.git",
        "https://2130706433/x.git",
        "ssh://git@192.168.1.1/x.git",
        "git@127.0.0.1:x.git",
        "https://no-such-machine.invalid/x.git",
        "file:///etc",
        "/etc",
        "http://example.org/x.git",
        "ext::sh -c id",
        "https://user:secret@example.org/x.git",
    ],
)
async def test_what_is_not_a_public_repository_is_refused_by_field(
    client: httpx.AsyncClient, admin: dict[str, str], url: str, published: Published
) -> None:
    answer = await client.post(REGISTER, headers=admin, json={"name": "edge", "repo_url": url})

    assert (answer.status_code, list(answer.json())) == (400, ["repo_url"])
    assert await published() == []


async def test_a_private_address_is_reached_where_the_operator_allows_it() -> None:
    pin = await pin_to_public("https://127.0.0.1:8443/x.git", is_private_allowed=True)
    assert (pin.host, pin.port, pin.address) == ("127.0.0.1", 8443, "127.0.0.1")
    with pytest.raises(RepositoryRefused):
        await pin_to_public("https://127.0.0.1:8443/x.git", is_private_allowed=False)


async def test_git_goes_where_the_address_was_judged_and_follows_nobody() -> None:
    pin = await pin_to_public(f"https://{PUBLIC}/x.git", is_private_allowed=False)

    git, environment = pinned(pin)

    assert "http.followRedirects=false" in git
    assert f"http.curloptResolve={PUBLIC}:443:{PUBLIC}" in git
    assert environment["GIT_ALLOW_PROTOCOL"] == "https"


async def test_faults_of_name_and_definition_are_told_by_field(
    client: httpx.AsyncClient,
    admin: dict[str, str],
    repository: Path,
    commit: Commit,
    definition: str,
    ssh_words: Path,
) -> None:
    commit(definition.replace("tagline: A module\n", ""))
    body = {"name": "edge", "repo_url": f"ssh://git@{PUBLIC}{repository}"}

    refused = await client.post(REGISTER, headers=admin, json=body)
    assert (refused.status_code, list(refused.json())) == (400, ["definition"])
    refused = await client.post(REGISTER, headers=admin, json=body | {"name": "no name"})
    assert (refused.status_code, list(refused.json())) == (400, ["name"])
    refused = await client.post(REGISTER, headers=admin, json={})
    assert (refused.status_code, set(refused.json())) == (400, {"name", "repo_url"})


async def test_only_administrators_register_and_update(
    client: httpx.AsyncClient, signer: Signer
) -> None:
    for path in (REGISTER, "/api/v1/modules/1/update/"):
        answer = await client.post(path, headers=signer.headers(1), json={})
        assert answer.status_code == 403
