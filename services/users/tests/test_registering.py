"""Who may come to exist, and what is said when not."""

import httpx
import pytest

from services.users import service
from services.users.errors import UsernameTaken
from shared.db import Database
from shared.testing.fixtures import Published

STRONG = "correct horse battery"
ACCOUNT = {"username": "ada", "password1": STRONG, "password2": STRONG}


async def test_a_new_account_answers_with_a_token_that_works(client: httpx.AsyncClient) -> None:
    answer = await client.post("/auth/registration/", json=ACCOUNT)

    assert answer.status_code == 201
    header = {"Authorization": f"Bearer {answer.json()['token']}"}
    user = (await client.get("/auth/user/", headers=header)).json()
    assert user["username"] == "ada"
    assert user["url"] == f"http://mlsploit.test/api/v1/users/{user['id']}/"
    assert (user["files"], user["pipelines"], user["is_staff"]) == ([], [], False)


async def test_a_name_may_be_longer_without_regard_to_case(client: httpx.AsyncClient) -> None:
    # Three letters when case does not count, each.
    long = {**ACCOUNT, "username": "\N{GREEK SMALL LETTER IOTA WITH DIALYTIKA AND TONOS}" * 150}

    assert (await client.post("/auth/registration/", json=long)).status_code == 201
    again = await client.post("/auth/registration/", json=long)
    assert (again.status_code, list(again.json())) == (400, ["username"])


async def test_an_account_and_its_event_are_written_together(
    client: httpx.AsyncClient, published: Published
) -> None:
    await client.post("/auth/registration/", json=ACCOUNT)

    [(subject, event)] = await published()
    assert subject == "mlsploit.events.users.user.registered"
    assert event["username"] == "ada"


async def test_a_refused_registration_leaves_nothing_behind(
    client: httpx.AsyncClient, published: Published
) -> None:
    refused = await client.post("/auth/registration/", json={**ACCOUNT, "password2": "other"})

    assert refused.status_code == 400
    assert refused.json() == {"non_field_errors": ["The two password fields didn't match."]}
    assert await published() == []
    assert (await client.post("/auth/registration/", json=ACCOUNT)).status_code == 201


@pytest.mark.parametrize("encoding", ["json", "data", "files"])
async def test_it_is_the_same_in_json_form_and_multipart(
    client: httpx.AsyncClient, encoding: str
) -> None:
    as_parts = {name: (None, value) for name, value in ACCOUNT.items()}
    content = {"json": ACCOUNT, "data": ACCOUNT, "files": as_parts}[encoding]

    answer = await client.post("/auth/registration/", **{encoding: content})  # type: ignore[arg-type]

    assert answer.status_code == 201, answer.text


async def test_a_name_is_taken_without_regard_to_case(client: httpx.AsyncClient) -> None:
    await client.post("/auth/registration/", json=ACCOUNT)

    answer = await client.post("/auth/registration/", json={**ACCOUNT, "username": "ADA"})

    assert answer.status_code == 400
    assert answer.json() == {"username": ["A user with that username already exists."]}


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        ({"username": None}, {"username": ["This field may not be null."]}),
        ({"username": "   "}, {"username": ["This field may not be blank."]}),
        (
            {"username": "a" * 5000},
            {"username": ["Ensure this field has no more than 150 characters."]},
        ),
        (
            {"username": "two words"},
            {
                "username": [
                    "Enter a valid username. This value may contain only letters, numbers, "
                    "and @/./+/-/_ characters."
                ]
            },
        ),
        ({"username": ["x"]}, {"username": ["Not a valid string."]}),
        ({"email": "nowhere"}, {"email": ["Enter a valid email address."]}),
        (
            {"password1": "123", "password2": "123"},
            {
                "password1": [
                    "This password is too short. It must contain at least 8 characters.",
                    "This password is too common.",
                    "This password is entirely numeric.",
                ]
            },
        ),
        (
            {"username": "swordfish77", "password1": "swordfish7", "password2": "swordfish7"},
            {"password1": ["The password is too similar to the username."]},
        ),
        (
            {"password1": "x" * 1025},
            {"password1": ["Ensure this field has no more than 1024 characters."]},
        ),
    ],
)
async def test_a_wrong_field_is_named_with_every_fault(
    client: httpx.AsyncClient, change: dict[str, object], faults: dict[str, list[str]]
) -> None:
    answer = await client.post("/auth/registration/", json={**ACCOUNT, **change})

    assert (answer.status_code, answer.json()) == (400, faults)


async def test_a_name_taken_between_check_and_write_is_still_refused(
    database: Database,
) -> None:
    async with database.transaction() as session:
        await service.add_user(session, "ada", "hash")

    with pytest.raises(UsernameTaken):
        async with database.transaction() as session:
            await service.add_user(session, "Ada", "hash")


async def test_all_wrong_fields_are_told_at_once(client: httpx.AsyncClient) -> None:
    answer = await client.post("/auth/registration/", json={"username": "a b"})

    assert answer.status_code == 400
    assert set(answer.json()) == {"username", "password1", "password2"}


async def test_what_is_wrong_in_form_and_what_is_taken_or_weak_are_told_together(
    client: httpx.AsyncClient,
) -> None:
    await client.post("/auth/registration/", json=ACCOUNT)

    answer = await client.post(
        "/auth/registration/", json={"username": "Ada", "password1": "83925610472"}
    )

    assert answer.json() == {
        "username": ["A user with that username already exists."],
        "password1": ["This password is entirely numeric."],
        "password2": ["This field is required."],
    }


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("ada@localhost", 201),
        ("ada@mail.test", 201),
        ("ada@mail.internal.local", 201),
        ("ada@[127.0.0.1]", 201),
        ("ada@mail", 400),
        ("ada@mail..test", 400),
    ],
)
async def test_an_address_needs_a_full_domain_but_not_a_public_one(
    client: httpx.AsyncClient, address: str, status: int
) -> None:
    answer = await client.post("/auth/registration/", json={**ACCOUNT, "email": address})

    assert answer.status_code == status, answer.text


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b'{"username": ', "application/json", 400),
        (b"[1]", "application/json", 400),
        (b'{"username": NaN}', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"username": "\\ud800"}', "application/json", 400),
        (b"username", "text/plain", 415),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused_and_never_a_crash(
    client: httpx.AsyncClient, content: bytes, content_type: str, status: int
) -> None:
    answer = await client.post(
        "/auth/registration/", content=content, headers={"Content-Type": content_type}
    )

    assert answer.status_code == status
    assert isinstance(answer.json(), dict)
