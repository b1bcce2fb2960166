from typing import Any

import httpx
import pytest

from services.files.tests.conftest import ADMIN, Uploads
from shared.testing.tokens import Signer

LINK_MISSING = "Invalid hyperlink - Object does not exist."


async def change(
    client: httpx.AsyncClient, headers: dict[str, str], url: str, body: Any, method: str = "PATCH"
) -> Any:
    return (await client.request(method, url, headers=headers, json=body)).json()


async def test_tags_kind_and_parent_change_and_the_rest_stays(
    upload: Uploads, client: httpx.AsyncClient, signer: Signer
) -> None:
    file, other = (await upload()).json(), (await upload()).json()
    body = {
        "tags": '{"k":1}',
        "kind": "OUTPUT",
        "parent_file": other["url"],
        "name": "x",
        "owner": "/api/v1/users/2/",
        "size": 99,
    }

    changed = await change(client, signer.headers(1), file["url"], body)

    assert changed == file | {
        "tags": '{"k": 1}',
        "kind": "OUTPUT",
        "parent_file": other["url"],
    }


async def test_put_keeps_what_is_not_sent(
    upload: Uploads, client: httpx.AsyncClient, signer: Signer
) -> None:
    file = (await upload(tags='{"k": 1}', kind="OUTPUT")).json()

    assert await change(client, signer.headers(1), file["url"], {}, "PUT") == file


async def test_a_file_may_be_its_own_parent_and_lose_it_again(
    upload: Uploads, client: httpx.AsyncClient, signer: Signer
) -> None:
    url = (await upload()).json()["url"]

    own = await change(client, signer.headers(1), url, {"parent_file": url})
    assert (own["parent_file"], own["modified_versions"]) == (url, [url])
    none = await client.patch(url, headers=signer.headers(1), data={"parent_file": ""})
    assert (none.json()["parent_file"], none.json()["modified_versions"]) == (None, [])


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({"tags": "nope"}, {"tags": ["Unable to decode."]}),
        ({"tags": '{"m": 1E400}'}, {"tags": ["Unable to decode."]}),
        ({"tags": '{"m": NaN}'}, {"tags": ["Unable to decode."]}),
        ({"tags": ["a"]}, {"tags": ["Not a valid string."]}),
        ({"tags": " "}, {"tags": ["This field may not be blank."]}),
        ({"kind": None}, {"kind": ["This field may not be null."]}),
        ({"parent_file": "/api/v1/files/77/"}, {"parent_file": [LINK_MISSING]}),
        (
            {"parent_file": 3},
            {"parent_file": ["Incorrect type. Expected URL string, received int."]},
        ),
    ],
)
async def test_wrong_values_change_nothing(
    upload: Uploads,
    client: httpx.AsyncClient,
    signer: Signer,
    body: dict[str, Any],
    faults: dict[str, list[str]],
) -> None:
    file = (await upload()).json()

    assert await change(client, signer.headers(1), file["url"], body) == faults
    assert (await client.get(file["url"], headers=signer.headers(1))).json() == file


async def test_a_foreign_parent_looks_like_a_missing_one(
    upload: Uploads, client: httpx.AsyncClient, signer: Signer
) -> None:
    file, foreign = (await upload()).json(), (await upload(user=2)).json()

    refused = await change(client, signer.headers(1), file["url"], {"parent_file": foreign["url"]})

    assert refused == {"parent_file": [LINK_MISSING]}


async def test_only_an_administrator_gives_a_file_to_another_owner(
    upload: Uploads, client: httpx.AsyncClient, signer: Signer
) -> None:
    url = (await upload()).json()["url"]
    staff = signer.headers(ADMIN, is_staff=True)

    missing = await change(client, staff, url, {}, "PUT")
    unknown = await change(client, staff, url, {"owner": "/api/v1/users/77/"})
    given = await change(client, staff, url, {"owner": "/api/v1/users/2/"})

    assert missing == {"owner": ["This field is required."]}
    assert unknown == {"owner": [LINK_MISSING]}
    assert given["owner"].endswith("/api/v1/users/2/")
    assert (await client.get(url, headers=signer.headers(1))).status_code == 404
    assert (await client.get(url, headers=signer.headers(2))).status_code == 200
