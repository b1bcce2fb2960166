"""Modules and functions over HTTP: everybody who is signed in reads, administrators remove."""

import json
from collections.abc import Awaitable, Callable

import httpx
import pytest

from services.modules.models import Module
from shared.testing.fixtures import HOST, Published
from shared.testing.tokens import Signer

Commit = Callable[..., str]
Register = Callable[..., Awaitable[Module]]
MODULES, FUNCTIONS = "/api/v1/modules/", "/api/v1/functions/"


async def test_a_module_is_shown_with_its_functions_as_clients_parse_them(
    client: httpx.AsyncClient, signer: Signer, register: Register, commit: Commit
) -> None:
    newest = commit()
    module = await register()

    [shown] = (await client.get(MODULES, headers=signer.headers())).json()

    url = f"{HOST}{MODULES}{module.id}/"
    [function] = shown.pop("functions")
    config = json.loads(shown.pop("config"))
    assert config["functions"][0]["options"] == json.loads(function["options"])
    assert shown == {
        "id": module.id,
        "url": url,
        "name": "edge",
        "repo_url": module.repo_url,
        "repo_branch": "main",
        "commit": newest,
        "display_name": "Edge",
        "tagline": "A module",
        "doctxt": "Text of the module.",
        "icon_url": "https://example.org/icon.png",
    }
    assert function == {
        "id": function["id"],
        "url": f"{HOST}{FUNCTIONS}{function['id']}/",
        "name": "Fn",
        "module": url,
        "module_name": "edge",
        "repo_url": module.repo_url,
        "commit": newest,
        "doctxt": "Text of the function.",
        "options": '[{"name": "opt", "type": "int", "doctxt": "Text of the option.", '
        '"required": true, "enum_values": null, "default": 3}]',
        "creates_new_files": True,
        "modifies_input_files": False,
        "expected_filetype": "txt",
        "optional_filetypes": '["jpg"]',
        "output_tags": '[{"name": "tag", "type": "str"}]',
        "timeout_seconds": None,
    }
    for path, item in ((url, {**shown, "functions": [function]}), (function["url"], function)):
        answer = (await client.get(path, headers=signer.headers())).json()
        answer.pop("config", None)
        assert answer == item


async def test_lists_come_newest_first_and_can_be_narrowed(
    client: httpx.AsyncClient, signer: Signer, register: Register, commit: Commit
) -> None:
    commit()
    first, second = await register("first"), await register("second")

    async def ids(path: str) -> list[int]:
        answer = await client.get(path, headers=signer.headers())
        assert answer.status_code == 200, answer.text
        return [one["id"] for one in answer.json()]

    assert await ids(MODULES) == [second.id, first.id]
    assert await ids(f"{MODULES}?id={first.id},999") == [first.id]
    assert await ids(f"{MODULES}?name=nothing") == [second.id, first.id]
    newer, older = await ids(FUNCTIONS)
    assert newer > older
    assert await ids(f"{FUNCTIONS}?module={first.id}") == [older]
    assert await ids(f"{FUNCTIONS}?module=") == [newer, older]
    assert await ids(f"{FUNCTIONS}?id={newer},{older},7777777") == [newer, older]
    assert await ids(f"{FUNCTIONS}?module=999999999") == []
    only_names = await client.get(f"{MODULES}?fields=name", headers=signer.headers())
    assert only_names.json() == [{"name": "second"}, {"name": "first"}]


@pytest.mark.parametrize("wanted", ["probe", "http://mlsploit.test/api/v1/modules/1/", "-1", "1,x"])
async def test_a_filter_that_is_no_id_is_refused_in_the_contracts_words(
    client: httpx.AsyncClient, signer: Signer, wanted: str
) -> None:
    answer = await client.get(FUNCTIONS, params={"module": wanted}, headers=signer.headers())

    text = "Select a valid choice. That choice is not one of the available choices."
    assert (answer.status_code, answer.json()) == (400, {"module": [text]})


@pytest.mark.parametrize(
    "path", [f"{MODULES}7/", f"{FUNCTIONS}7/", f"{MODULES}x/", f"{MODULES}{2**64}/"]
)
async def test_what_does_not_exist_is_not_found(
    client: httpx.AsyncClient, signer: Signer, path: str
) -> None:
    answer = await client.get(path, headers=signer.headers())

    assert (answer.status_code, answer.json()) == (404, {"detail": "Not found."})


async def test_a_workers_narrow_token_reads_modules_and_does_nothing_else(
    client: httpx.AsyncClient, signer: Signer, register: Register, commit: Commit
) -> None:
    commit()
    module = await register()
    headers = signer.headers(is_staff=True, scopes="jobs:execute")

    assert len((await client.get(MODULES, headers=headers)).json()) == 1
    for method, path in (
        ("DELETE", f"{MODULES}{module.id}/"),
        ("GET", FUNCTIONS),
        ("POST", f"{MODULES}validate/"),
        ("POST", f"{MODULES}register/"),
    ):
        answer = await client.request(method, path, headers=headers)
        assert answer.status_code == 403, (method, path)


async def test_only_an_administrator_removes_a_module_and_its_functions_go_with_it(
    client: httpx.AsyncClient,
    signer: Signer,
    register: Register,
    commit: Commit,
    published: Published,
) -> None:
    commit()
    module = await register()
    path = f"{MODULES}{module.id}/"
    staff = signer.headers(is_staff=True)
    [function] = (await client.get(FUNCTIONS, headers=staff)).json()

    for refused_path in (path, f"{MODULES}999999999/"):
        refused = await client.delete(refused_path, headers=signer.headers())
        detail = "You do not have permission to perform this action."
        assert (refused.status_code, refused.json()) == (403, {"detail": detail})
    assert (await client.delete(f"{MODULES}999999999/", headers=staff)).status_code == 404
    removed = await client.delete(path, headers=staff)

    assert (removed.status_code, removed.content) == (204, b"")
    assert (await client.get(path, headers=staff)).status_code == 404
    assert (await client.get(FUNCTIONS, headers=staff)).json() == []
    data = {"module_id": module.id, "name": "edge", "function_ids": [function["id"]]}
    assert (await published())[-1] == ("mlsploit.events.modules.module.removed", data)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("is_staff", [True, False])
async def test_nobody_writes_modules_over_http(
    client: httpx.AsyncClient, signer: Signer, method: str, *, is_staff: bool
) -> None:
    for path in (MODULES, FUNCTIONS):
        answer = await client.request(
            method, path, json={"name": "x"}, headers=signer.headers(is_staff=is_staff)
        )
        assert (answer.status_code, answer.json()) == (
            405,
            {"detail": f'Method "{method}" not allowed.'},
        )
