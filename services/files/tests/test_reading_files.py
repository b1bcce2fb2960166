from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from services.files.tests.conftest import ADMIN, URL, Uploads
from shared.testing.tokens import Signer

NOT_A_CHOICE = "Select a valid choice. That choice is not one of the available choices."

Lists = Callable[..., Awaitable[Any]]


@pytest.fixture
def listed(client: httpx.AsyncClient, signer: Signer) -> Lists:
    """`await listed(kind="INPUT", user=2)`: the names in the list, or the refusal."""

    async def ask(*, user: int = 1, is_staff: bool = False, **query: str) -> Any:
        headers = signer.headers(user, is_staff=is_staff)
        answer = await client.get(URL, headers=headers, params=query)
        body = answer.json()
        return [file["name"] for file in body] if answer.status_code == 200 else body

    return ask


async def test_people_see_their_own_files_oldest_first_and_staff_all(
    upload: Uploads, listed: Lists
) -> None:
    for name, user in (("b", 1), ("a", 2), ("c", 1)):
        await upload(name, user=user)

    assert await listed() == ["b", "c"]
    assert await listed(user=2) == ["a"]
    assert await listed(user=ADMIN, is_staff=True) == ["b", "a", "c"]


async def test_lists_filter_by_kind_owner_and_id(upload: Uploads, listed: Lists) -> None:
    first = (await upload("in")).json()["id"]
    await upload("out", kind="OUTPUT")
    foreign = (await upload("foreign", user=2)).json()["id"]

    assert await listed(kind="OUTPUT") == ["out"]
    assert await listed(owner="1") == ["in", "out"]
    assert await listed(owner="2") == []
    assert await listed(id=f"{first},{foreign}") == ["in"]
    assert await listed(owner="99999999999999999999") == []
    assert await listed(owner="x", kind="y") == {
        "owner": [NOT_A_CHOICE],
        "kind": ["Select a valid choice. y is not one of the available choices."],
    }


async def test_versions_are_those_the_caller_may_see(
    upload: Uploads, client: httpx.AsyncClient, signer: Signer
) -> None:
    parent = (await upload()).json()["url"]
    own = (await upload(parent_file=parent)).json()["url"]
    foreign = await upload(user=ADMIN, is_staff=True, parent_file=parent, owner="/api/v1/users/2/")

    seen = (await client.get(parent, headers=signer.headers(1))).json()
    staff = signer.headers(ADMIN, is_staff=True)
    seen_by_staff = (await client.get(URL, headers=staff)).json()

    assert seen["modified_versions"] == [own]
    assert seen_by_staff[0]["modified_versions"] == [own, foreign.json()["url"]]


async def test_fields_narrow_every_item(
    upload: Uploads, client: httpx.AsyncClient, signer: Signer
) -> None:
    file = (await upload()).json()

    answer = await client.get(f"{URL}?fields=id,owner", headers=signer.headers(1))

    assert answer.json() == [{"id": file["id"], "owner": file["owner"]}]


async def test_a_foreign_file_and_an_impossible_id_are_404(
    upload: Uploads, client: httpx.AsyncClient, signer: Signer
) -> None:
    foreign = (await upload(user=2)).json()["id"]

    for file_id in (foreign, 77, 0, 2**63, "x"):
        for method in ("GET", "PATCH", "PUT", "DELETE"):
            answer = await client.request(
                method, f"{URL}{file_id}/", headers=signer.headers(1), json=None
            )
            assert (answer.status_code, answer.json()) == (404, {"detail": "Not found."})


async def test_other_services_read_what_their_caller_may_see(
    upload: Uploads, client: httpx.AsyncClient, signer: Signer
) -> None:
    own = (await upload(tags='{"a": 1}')).json()
    foreign = (await upload(user=2)).json()
    address = f"/internal/files/?id={own['id']},{foreign['id']},77"

    seen = (await client.get(address, headers=signer.headers(1))).json()
    worker = signer.headers(ADMIN, is_staff=True, scopes="jobs:execute")
    seen_by_worker = (await client.get(address, headers=worker)).json()

    assert [file["id"] for file in seen_by_worker] == [own["id"], foreign["id"]]
    same = {name: own[name] for name in ("url", "name", "kind", "blob_url", "size", "sha256")}
    assert seen == [
        same
        | {"id": own["id"], "owner_id": 1, "tags": '{"a": 1}'}
        | {"date_uploaded": own["date_uploaded"]}
    ]
