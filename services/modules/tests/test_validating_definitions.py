"""A module's author learns what is wrong before anybody registers it."""

import httpx
import pytest

from shared.testing.fixtures import Published
from shared.testing.tokens import Signer

VALIDATE = "/api/v1/modules/validate/"


async def test_a_valid_definition_is_called_valid_and_nothing_is_registered(
    client: httpx.AsyncClient, signer: Signer, definition: str, published: Published
) -> None:
    body = {"definition": definition}
    answer = await client.post(VALIDATE, headers=signer.headers(), json=body)

    assert answer.status_code == 200
    assert answer.json() == {"valid": True, "functions": ["Fn"], "faults": []}
    assert (await client.get("/api/v1/modules/", headers=signer.headers())).json() == []
    assert await published() == []


async def test_every_fault_is_named_with_its_place(
    client: httpx.AsyncClient, signer: Signer, definition: str
) -> None:
    wrong = definition.replace("type: int", "type: integer").replace("tagline: A module\n", "")

    answer = await client.post(VALIDATE, headers=signer.headers(), data={"definition": wrong})

    verdict = answer.json()
    assert (answer.status_code, verdict["valid"], verdict["functions"]) == (200, False, [])
    assert {fault["file"] for fault in verdict["faults"]} == {"mlsploit_module.yaml"}
    fields = [fault["field"] for fault in verdict["faults"]]
    assert fields == ["tagline", "functions[0].options[0].type"]
    assert all(fault["line"] > 0 and fault["message"] for fault in verdict["faults"])


@pytest.mark.parametrize("body", [{}, {"input_schema": "{}"}, {"definition": "a: [1"}])
async def test_what_cannot_be_a_definition_is_a_fault_not_an_error(
    client: httpx.AsyncClient, signer: Signer, body: dict[str, str]
) -> None:
    answer = await client.post(VALIDATE, headers=signer.headers(), json=body)

    assert (answer.status_code, answer.json()["valid"]) == (200, False)
    assert answer.json()["faults"]


async def test_a_definition_that_is_no_text_is_refused_by_field(
    client: httpx.AsyncClient, signer: Signer
) -> None:
    body = {"definition": ["a"]}
    answer = await client.post(VALIDATE, headers=signer.headers(), json=body)

    assert (answer.status_code, list(answer.json())) == (400, ["definition"])


async def test_what_validates_is_no_module_of_that_name(
    client: httpx.AsyncClient, signer: Signer
) -> None:
    answer = await client.get(VALIDATE, headers=signer.headers())

    assert answer.status_code == 405
    assert answer.headers["allow"] == "OPTIONS, POST"
    assert (await client.options(VALIDATE)).headers["allow"] == "OPTIONS, POST"
