"""What a document says beyond what its routes wrote down, and what happens when it is silent."""

from typing import Annotated, Any

import pytest
from fastapi import APIRouter
from starlette.responses import Response

from shared.answers import created, json_response
from shared.auth import Caller, CallerDep, requires
from shared.bodies import Body, accepts
from shared.hyperlinks import PathId
from shared.openapi import Answer, DocumentedApp, list_parameters, shown_as


class Thing(Answer):
    model_config = shown_as(id=1, name="one")

    id: int
    name: str


class LinkedThing(Thing):
    model_config = shown_as(id=1, name="one", url="/things/1/")

    url: str


class ThingChange(Body):
    name: str = "unnamed"


router = APIRouter(prefix="/things")
Worker = Annotated[Caller, requires("things:write", "jobs:execute")]


@router.get("/", response_model=list[Thing], openapi_extra=list_parameters(("id", "name")))
async def list_things() -> Response:
    return json_response([])


@router.post("/", status_code=201, response_model=LinkedThing, openapi_extra=accepts(ThingChange))
async def create_thing(_caller: Worker) -> Response:
    return created({"id": 1, "name": "one", "url": "/things/1/"})


@router.patch("/{thing_id}/", response_model=Thing, openapi_extra=accepts(ThingChange))
async def change_thing(thing_id: PathId) -> Response:
    return json_response({"id": thing_id, "name": "one"})


@router.delete("/{thing_id}/", status_code=204, responses={409: {"description": "In use."}})
async def delete_thing(thing_id: PathId, _caller: CallerDep) -> Response:
    return Response(status_code=204 if thing_id else 409)


@pytest.fixture
def document() -> dict[str, Any]:
    app = DocumentedApp(generate_unique_id_function=lambda route: route.name)
    app.include_router(router)
    return app.openapi()


def content(answer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = answer["content"]["application/json"]
    return found


def test_refusals_follow_from_what_a_route_is(document: dict[str, Any]) -> None:
    operations = document["paths"]["/things/{thing_id}/"]

    assert {"400", "404", "413", "415", "503"} <= operations["patch"]["responses"].keys()
    assert not {"400", "415"} & operations["delete"]["responses"].keys()


def test_a_refusal_of_a_routes_own_keeps_its_words(document: dict[str, Any]) -> None:
    conflict = document["paths"]["/things/{thing_id}/"]["delete"]["responses"]["409"]

    assert conflict == {"description": "In use.", "$ref": "#/components/responses/Conflict"}


def test_an_example_stands_at_every_answer_and_body(document: dict[str, Any]) -> None:
    operations = document["paths"]["/things/"]

    assert content(operations["get"]["responses"]["200"])["example"] == [{"id": 1, "name": "one"}]
    made = content(operations["post"]["responses"]["201"])["example"]
    assert made == {"id": 1, "name": "one", "url": "/things/1/"}


def test_any_one_of_the_scopes_that_a_route_asks_for_is_enough(document: dict[str, Any]) -> None:
    of_things, of_one = document["paths"]["/things/"], document["paths"]["/things/{thing_id}/"]

    assert of_things["post"]["security"] == [
        {"Token": ["things:write"]},
        {"Token": ["jobs:execute"]},
    ]
    # A whole token: no scope opens it.
    assert of_one["delete"]["security"] == [{"Token": []}]
    assert of_things["get"]["security"] == []


def test_an_answer_names_the_headers_that_it_carries(document: dict[str, Any]) -> None:
    made = document["paths"]["/things/"]["post"]["responses"]["201"]["headers"]
    shared = document["components"]["responses"]

    assert made.keys() == {"X-Request-ID", "Location", "Idempotency-Replayed"}
    assert made["Location"] == {"$ref": "#/components/headers/Location"}
    assert document["components"]["headers"]["Location"]["required"]
    assert {"X-Request-ID", "WWW-Authenticate"} == shared["Unauthenticated"]["headers"].keys()
    assert {"X-Request-ID", "Retry-After"} == shared["Unavailable"]["headers"].keys()


def test_what_can_be_narrowed_promises_no_field(document: dict[str, Any]) -> None:
    listed = content(document["paths"]["/things/"]["get"]["responses"]["200"])["schema"]

    assert listed["items"] == {"$ref": "#/components/schemas/SomeThing"}
    assert "required" not in document["components"]["schemas"]["SomeThing"]
    assert document["components"]["schemas"]["Thing"]["required"] == ["id", "name"]


def test_what_is_made_is_linked_to_what_can_be_done_with_it(document: dict[str, Any]) -> None:
    links = document["paths"]["/things/"]["post"]["responses"]["201"]["links"]

    assert set(links) == {"change_thing", "delete_thing"}
    assert links["change_thing"]["parameters"] == {"thing_id": "$response.body#/id"}


def test_a_list_in_a_query_is_written_with_commas(document: dict[str, Any]) -> None:
    [fields, _] = document["paths"]["/things/"]["get"]["parameters"]

    assert (fields["name"], fields["style"], fields["explode"]) == ("fields", "form", False)
