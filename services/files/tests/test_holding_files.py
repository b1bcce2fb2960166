import httpx

from services.files import references
from services.files.tests.conftest import ADMIN, Holds, Uploads
from shared.db import Database
from shared.testing.tokens import Signer

MISSING = {"files": ["Invalid hyperlink - Object does not exist."]}
NOT_AN_OUTPUT = {"files": ["Output file is not 'OUTPUT' kind."]}
NOT_THE_OWNERS = {"files": ["Job owner does not own the output file"]}


async def test_a_hold_answers_with_the_files_ascending_and_may_be_repeated(
    upload: Uploads, hold: Holds
) -> None:
    ids = [(await upload(name)).json()["id"] for name in ("a", "b")]

    for _ in range(2):
        answer = await hold("run-1", [ids[1], ids[0], ids[1]])
        assert answer.status_code == 200, answer.text
        assert [file["name"] for file in answer.json()] == ["a", "b"]
    assert (await hold("run-2", [])).json() == []


async def test_inputs_are_the_owners_own_and_of_kind_input(
    upload: Uploads, hold: Holds, signer: Signer
) -> None:
    own = (await upload()).json()["id"]
    foreign = (await upload(user=2)).json()["id"]
    output = (await upload(kind="OUTPUT")).json()["id"]

    for ids in ([own, foreign], [own, output], [own, 77]):
        answer = await hold("run-1", ids)
        assert (answer.status_code, answer.json()) == (400, MISSING)
    for_another = await hold("run-1", [foreign], owner=2, headers=signer.headers(1))
    assert (for_another.status_code, for_another.json()) == (400, MISSING)


async def test_a_refused_hold_holds_nothing(
    upload: Uploads, hold: Holds, client: httpx.AsyncClient, signer: Signer
) -> None:
    own = (await upload()).json()
    await hold("run-1", [own["id"], 77])

    assert (await client.delete(own["url"], headers=signer.headers(1))).status_code == 204


async def test_outputs_are_the_owners_and_of_kind_output(
    upload: Uploads, hold: Holds, signer: Signer
) -> None:
    foreign = (await upload(user=2, kind="OUTPUT")).json()["id"]
    plain = (await upload()).json()["id"]
    output = (await upload(kind="OUTPUT")).json()["id"]
    worker = signer.headers(ADMIN, is_staff=True, scopes="jobs:execute")

    async def refusal(file_id: int, headers: dict[str, str] | None = None) -> object:
        return (await hold("run-1", [output, file_id], role="output", headers=headers)).json()

    assert await refusal(foreign, worker) == NOT_THE_OWNERS
    assert await refusal(foreign) == MISSING
    assert await refusal(plain) == NOT_AN_OUTPUT
    assert await refusal(77, worker) == MISSING
    assert (await hold("run-1", [output], role="output", headers=worker)).status_code == 200


async def test_what_a_run_has_made_stays_an_output_and_what_it_was_given_is_none(
    client: httpx.AsyncClient, upload: Uploads, hold: Holds, signer: Signer
) -> None:
    given = (await upload()).json()["id"]
    await hold("run-1", [given])
    made = (await upload(kind="OUTPUT")).json()
    await hold("run-1", [made["id"]], role="output")
    changed = await client.patch(made["url"], headers=signer.headers(1), json={"kind": "INPUT"})
    assert changed.status_code == 200

    assert (await hold("run-1", [made["id"]], role="output")).status_code == 200
    assert (await hold("run-2", [made["id"]], role="output")).json() == NOT_AN_OUTPUT
    assert (await hold("run-1", [given], role="output")).json() == NOT_AN_OUTPUT


async def test_a_malformed_hold_is_refused_by_field(
    client: httpx.AsyncClient, signer: Signer
) -> None:
    body = {"holder": "", "role": "owner", "owner_id": 1, "file_ids": [2**70]}

    answer = await client.post("/internal/references/", headers=signer.headers(1), json=body)

    assert (answer.status_code, set(answer.json())) == (400, {"holder", "role", "file_ids"})


async def test_what_is_held_for_a_run_that_is_not_made_can_be_let_go(
    upload: Uploads, hold: Holds, client: httpx.AsyncClient, signer: Signer, database: Database
) -> None:
    free, kept = [(await upload(name)).json() for name in ("a", "b")]
    await hold("refused", [free["id"]])
    await hold("made", [kept["id"]])
    async with database.transaction() as session:
        await references.confirm_holder(session, "made")

    for holder in ("refused", "made"):
        answer = await client.delete(
            "/internal/references/", params={"holder": holder}, headers=signer.headers(1)
        )
        assert answer.status_code == 204

    assert (await client.delete(free["url"], headers=signer.headers(1))).status_code == 204
    assert (await client.delete(kept["url"], headers=signer.headers(1))).status_code != 204
