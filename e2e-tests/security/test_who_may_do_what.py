"""Every combination of route, method and role answers as docs/reference/permissions.md says.

Whoever is refused changes nothing and learns nothing: not that the thing exists, nor anything its
owner wrote, by filters, conditions and references neither.
"""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from harness.people import Item, People, Person
from harness.quiet import QuietSystem

from security.people import Everybody, narrowed
from security.scene import Scene
from security.table import Row, rows
from shared.testing.fixtures import SQLITE

# Rights are the same on both databases: each service's own tests hold its reads to that.
pytestmark = [
    pytest.mark.attack,
    pytest.mark.parametrize("quiet_system", [SQLITE], indirect=True, scope="session"),
]
Record = Callable[[str, object], None]

ROWS = {str(row): row for row in rows()}
# Nothing has these ids.
NOBODYS = {"token_id": "0" * 32, "link": "1.1.AAAAAAAAAAAAAAAAAAAAAAAAAAA", "name": "a.txt"}
# What these do to the owner's account or token must not meet the next one.
OF_A_FRESH_OWNER = ("/auth/user/", "/auth/logout/", "/auth/password/change/", "/api/v1/users/")
# Right in everything that can be had here: no repository can be fetched, and no mail be read.
OUT_OF_REACH = {"POST /api/v1/modules/register/": 400, "POST /auth/password/reset/confirm/": 400}
# A whole token that is nobody else's.
ALONE: frozenset[str] = frozenset()
LISTS = ("files", "pipelines", "tasks", "runs", "jobs", "webhooks")
OWN_HEADERS = {"x-request-id", "date", "content-length", "etag"}


@pytest.fixture(scope="module")
def everybody(quiet_system: QuietSystem) -> Iterator[Everybody]:
    with People(quiet_system.url) as people:
        yield Everybody.gather(quiet_system, people)


def owner_for(everybody: Everybody, row: Row) -> Person:
    is_touched = row.path.startswith(OF_A_FRESH_OWNER) and row.method != "GET"
    return everybody.people.register("fresh") if is_touched else everybody.alice


def test_every_route_has_a_row_and_every_row_a_route(everybody: Everybody) -> None:
    document = everybody.people.http.get("/openapi.json").json()
    routes = {
        f"{method.upper()} {path}"
        for path, operations in document["paths"].items()
        for method in operations
    }
    assert routes == ROWS.keys()


@pytest.mark.parametrize("route", ROWS)
def test_whoever_is_refused_changes_and_learns_nothing(
    route: str, everybody: Everybody, record_property: Record
) -> None:
    row = ROWS[route]
    scene = Scene(everybody, everybody.alice)
    scene.prepare(route)
    path = scene.path(row.path)
    body = scene.body(route, "owner", everybody.alice)
    before = belongings(everybody.alice)
    cast = everybody.cast(everybody.alice)
    refused = {role: cast[role] for role in row.refused()}
    if row.statuses["owner"] < 400:
        refused |= {
            f"owner with {' '.join(sorted(few))}": everybody.with_scopes(everybody.alice, few)
            for few in row.scopes_too_few()
        }
    record_property("attacks", len(refused))

    for role, person in refused.items():
        answer = ask(person, row.method, path, body)

        assert answer.status_code == row.statuses.get(role, 403), (role, answer.text)
        assert scene.mark not in answer.text + str(answer.headers), role
        if answer.status_code == 404:
            unknown = Scene(everybody, everybody.alice).path(unknown_path(row.path))
            assert told(answer) == told(ask(person, row.method, unknown, body)), role
            assert_conditions_tell_nothing(scene, row, person, path, answer)
    assert belongings(everybody.alice) == before
    scene.end()


@pytest.mark.parametrize("route", ROWS)
def test_whoever_may_is_answered_with_success(route: str, everybody: Everybody) -> None:
    row = ROWS[route]
    for role in row.allowed():
        owner = owner_for(everybody, row)
        scene = Scene(everybody, owner)
        scene.prepare(route)
        person = everybody.cast(owner)[role]
        if row.path == "/auth/logout/" and role != "anonymous":
            person = narrowed(everybody.root if role == "worker token" else person, ALONE)
        succeed(scene, row, role, person)
    for scopes in row.scopes or ():
        owner = owner_for(everybody, row)
        scene = Scene(everybody, owner)
        scene.prepare(route)
        if row.statuses["owner"] < 400:
            succeed(scene, row, "owner", narrowed(owner, scopes))


def succeed(scene: Scene, row: Row, role: str, person: Person) -> None:
    answer = ask(person, row.method, scene.path(row.path), scene.body(str(row), role, person))
    expected = OUT_OF_REACH.get(str(row), row.statuses[role])
    assert answer.status_code == expected, (role, answer.text)
    scene.end()


def ask(person: Person, method: str, path: str, body: dict[str, Any]) -> httpx.Response:
    """Whatever is no end of events is read whole."""
    headers = {"Authorization": f"Token {person.token}"} if person.token else {}
    sent = dict(body)
    headers |= sent.pop("headers", {})
    with person.http.stream(method, path, headers=headers, **sent) as answer:
        if "event-stream" not in answer.headers.get("content-type", ""):
            answer.read()
    return answer


def belongings(person: Person) -> list[Any]:
    """All that one person's routes show of them, less what time changes by itself."""
    shown: list[Any] = [person.gets(f"/api/v1/{name}/") for name in LISTS]
    tokens = {one["id"] for one in person.gets("/auth/tokens/") if one["name"] != "narrowed"}
    return [*shown, tokens, person.gets("/auth/user/"), person.gets("/api/v1/modules/")]


def unknown_path(template: str) -> str:
    for name, value in NOBODYS.items():
        template = template.replace(f"{{{name}}}", value)
    while "{" in template:
        start, stop = template.index("{"), template.index("}")
        template = template[:start] + str(2**53) + template[stop + 1 :]
    return template


def told(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    kept = {k: v for k, v in answer.headers.items() if k.lower() not in OWN_HEADERS}
    return answer.status_code, answer.content, kept


def assert_conditions_tell_nothing(
    scene: Scene, row: Row, person: Person, path: str, answer: httpx.Response
) -> None:
    """Neither that the owner's tag is right, nor that there is anything to have a tag."""
    name = {"GET": "If-None-Match", "POST": "Idempotency-Key"}.get(row.method, "If-Match")
    seen = scene.owner.asks("GET", path).headers.get("etag", '"none"')
    for tag in (seen, "*"):
        body = scene.body(str(row), "owner", person) | {"headers": {name: tag}}
        assert told(ask(person, row.method, path, body)) == told(answer), (name, tag)


def test_filters_show_no_more_of_others_than_of_nobody(
    everybody: Everybody, record_property: Record
) -> None:
    scene = Scene(everybody, everybody.alice)
    assert scene.job
    document = everybody.people.http.get("/openapi.json").json()
    user = everybody.alice.gets("/auth/user/")["id"]
    ids = {"owner": user, "pipeline": scene.pipeline["id"], "run": scene.run["id"]}
    tried = 0
    for path, operations in document["paths"].items():
        name = path.split("/")[-2]
        of_this = {"files": scene.file, "runs": scene.run, "jobs": scene.job}
        of_this |= {"pipelines": scene.pipeline, "webhooks": scene.webhook}
        if "get" not in operations or name not in of_this or "{" in path:
            continue
        for parameter in operations["get"]["parameters"]:
            key = parameter["name"]
            if parameter["schema"].get("items", {}).get("type") != "integer":
                continue
            value = of_this[name]["id"] if key == "id" else ids[key]
            found = everybody.bob.asks("GET", path, params={key: value})
            nothing = everybody.bob.asks("GET", path, params={key: 2**53})
            assert (found.status_code, found.json()) == (nothing.status_code, nothing.json()), key
            assert everybody.alice.gets(path, params={key: value}), (path, key)
            tried += 1
    record_property("attacks", tried)
    assert tried >= 8
    scene.end()


def test_references_to_others_things_are_refused_like_references_to_nothing(
    everybody: Everybody, record_property: Record
) -> None:
    scene, own = Scene(everybody, everybody.alice), Scene(everybody, everybody.bob)
    bob = everybody.bob
    nobodys = str(2**53)

    def answers(make: Callable[[str], Item], kind: str, method: str, path: str) -> None:
        theirs = {"files": scene.file, "pipelines": scene.pipeline}[kind]["url"]
        missing = theirs.rstrip("/").rpartition("/")[0] + f"/{nobodys}/"
        refused = [bob.asks(method, path, **make(url)) for url in (theirs, missing)]
        assert told(refused[0]) == told(refused[1])
        assert refused[0].status_code == 400
        assert scene.mark not in refused[0].text

    function = own.function["url"]
    blob = {"blob": ("a.txt", b"a")}
    pipelines, files = "/api/v1/pipelines/", "/api/v1/files/"
    assert scene.file
    assert scene.pipeline
    before = belongings(everybody.alice)
    answers(
        lambda url: {"json": {"pipeline": url, "function": function}},
        "pipelines",
        "POST",
        "/api/v1/tasks/",
    )
    answers(
        lambda url: {"json": {"pipeline": url, "files": []}}, "pipelines", "POST", "/api/v1/runs/"
    )
    answers(
        lambda url: {"json": {"pipeline": own.pipeline["url"], "files": [url]}},
        "files",
        "POST",
        "/api/v1/runs/",
    )
    answers(lambda url: {"files": blob, "data": {"parent_file": url}}, "files", "POST", files)
    answers(lambda url: {"json": {"parent_file": url}}, "files", "PATCH", own.file["url"])
    answers(
        lambda url: {"json": {"status": "RUNNING", "output_files": [url]}},
        "files",
        "PATCH",
        own.job["url"],
    )
    record_property("attacks", 6)
    assert bob.asks("POST", f"{pipelines}{scene.pipeline['id']}/clone/").status_code == 404
    assert belongings(everybody.alice) == before
    own.end()
