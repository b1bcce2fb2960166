"""Bad input at every step of the road is refused with 4xx, in the shape that clients know."""

import json
import secrets
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from harness.people import Item, People, Person, step

FAR_TOO_LONG = "x" * 5000
JSON = {"Content-Type": "application/json"}
PROTECTED = (
    ("GET", "/api/v1/"),
    ("GET", "/auth/user/"),
    ("GET", "/api/v1/files/"),
    ("POST", "/api/v1/files/"),
    ("POST", "/api/v1/pipelines/"),
    ("POST", "/api/v1/tasks/"),
    ("POST", "/api/v1/runs/"),
    ("GET", "/api/v1/jobs/"),
    ("POST", "/api/v1/jobs/1/claim/"),
    ("PATCH", "/api/v1/jobs/1/"),
)


@dataclass(frozen=True)
class Belongings:
    """What a person needs on the road, made once."""

    file: Item
    pipeline: Item
    function: Item


@pytest.fixture
def things(alice: Person) -> Belongings:
    return Belongings(
        file=alice.uploads("ada.txt", b"Ada"),
        pipeline=alice.builds_pipeline(step("helloworld", "Greet")),
        function=alice.finds_function("helloworld", "Greet"),
    )


@pytest.mark.parametrize(("method", "path"), PROTECTED)
@pytest.mark.parametrize("credentials", [None, "Token nonsense", "Bearer a.b.c", "Token"])
def test_without_a_valid_token_nothing_is_answered(
    people: People, method: str, path: str, credentials: str | None
) -> None:
    headers = {"Authorization": credentials} if credentials else {}

    answer = people.http.request(method, path, headers=headers)

    expect_refusal(answer, 401, "detail")
    assert answer.headers["WWW-Authenticate"]


def test_nobody_signs_up_with_nonsense(people: People) -> None:
    good = {"username": secrets.token_hex(8), "password1": "Tr0ub4dor", "password2": "Tr0ub4dor"}

    def sign_up(**changes: object) -> httpx.Response:
        return people.http.post("/auth/registration/", json=good | changes)

    expect_refusal(people.http.post("/auth/registration/", json={}), 400, "username")
    expect_refusal(people.http.post("/auth/registration/", json=["x"]), 400, "non_field_errors")
    broken = people.http.post("/auth/registration/", content=b"{", headers=JSON)
    expect_refusal(broken, 400, "detail")
    expect_refusal(sign_up(username=FAR_TOO_LONG), 400, "username")
    expect_refusal(sign_up(username=["list"]), 400, "username")
    expect_refusal(sign_up(username="no spaces!"), 400, "username")
    expect_refusal(sign_up(password2="different"), 400, "non_field_errors")
    expect_refusal(sign_up(password1="12345678", password2="12345678"), 400, "password1")


def test_nobody_logs_in_with_a_wrong_password(people: People, alice: Person) -> None:
    for body in (
        {"username": alice.username, "password": "wrong"},
        {},
        {"username": alice.username},
    ):
        answer = people.http.post("/auth/login/", json=body)
        assert answer.status_code == 400
        expect_shape(answer)


def test_an_upload_without_content_is_refused(alice: Person) -> None:
    def upload(**options: Any) -> httpx.Response:
        return alice.asks("POST", "/api/v1/files/", **options)

    blob = {"blob": ("ada.txt", b"Ada")}
    expect_refusal(upload(files={"blob": ("empty.txt", b"")}), 400, "blob")
    expect_refusal(upload(data={"kind": "INPUT"}), 400, "blob")
    expect_refusal(upload(json={"blob": "text"}), 400, "blob")
    expect_refusal(upload(files={"blob": (FAR_TOO_LONG + ".txt", b"Ada")}), 400, "blob")
    expect_refusal(upload(files={"blob": ("..", b"Ada")}), 400, "blob")
    expect_refusal(upload(files=blob, data={"kind": "SECRET"}), 400, "kind")
    expect_refusal(upload(files=blob, data={"tags": "{"}), 400, "tags")
    expect_refusal(upload(files=blob, data={"parent_file": "/api/v1/files/0/"}), 400, "parent_file")


def test_a_pipeline_needs_a_proper_name(alice: Person) -> None:
    def create(body: object) -> httpx.Response:
        return alice.asks("POST", "/api/v1/pipelines/", json=body)

    for name in ("", FAR_TOO_LONG, None, True, ["x"], {"a": 1}, "a\x00b", "\ud800"):
        # Not by httpx, which would refuse to encode half a surrogate pair.
        body = json.dumps({"name": name}).encode()
        answer = alice.asks("POST", "/api/v1/pipelines/", content=body, headers=JSON)
        expect_refusal(answer, 400, "name")
    expect_refusal(create({}), 400, "name")
    expect_refusal(create("text"), 400, "non_field_errors")
    expect_refusal(create({"name": "p", "enabled": "perhaps"}), 400, "enabled")


def test_a_task_needs_a_known_function_and_fitting_arguments(
    alice: Person, things: Belongings
) -> None:
    good = {"pipeline": things.pipeline["url"], "function": things.function["url"]}

    def create(**changes: object) -> httpx.Response:
        return alice.asks("POST", "/api/v1/tasks/", json=good | changes)

    for function in ("/api/v1/functions/999999/", "nonsense", 7, things.pipeline["url"], None):
        expect_refusal(create(function=function), 400, "function")
    for arguments in ("{", "[]", '{"loudness": 3}', '{"repeat": "often"}', '{"ending": "..."}', 5):
        expect_refusal(create(arguments=arguments), 400, "arguments")
    expect_refusal(create(pipeline="/api/v1/pipelines/999999/"), 400, "pipeline")
    expect_refusal(alice.asks("POST", "/api/v1/tasks/", json={}), 400, "pipeline")


def test_a_run_takes_only_what_is_ones_own_and_fits(
    alice: Person, bob: Person, things: Belongings
) -> None:
    picture = alice.uploads("picture.png", b"\x89PNG")
    foreign = bob.uploads("bob.txt", b"Bob")
    disabled = alice.builds_pipeline(step("helloworld", "Greet"), enabled=False)
    empty = alice.builds_pipeline()
    good = {"pipeline": things.pipeline["url"], "files": [things.file["url"]]}

    def create(**changes: object) -> httpx.Response:
        return alice.asks("POST", "/api/v1/runs/", json=good | changes)

    for files in ([foreign["url"]], [picture["url"]], "text", [7], ["/api/v1/files/999999/"], None):
        expect_refusal(create(files=files), 400, "files")
    for pipeline in (disabled["url"], empty["url"], "/api/v1/pipelines/999999/", 7, None):
        expect_refusal(create(pipeline=pipeline), 400, "pipeline")
    answer = bob.asks("POST", "/api/v1/runs/", json=good)
    expect_refusal(answer, 400, "pipeline")


@pytest.mark.parametrize("resource", ["files", "pipelines", "runs", "jobs", "modules", "functions"])
@pytest.mark.parametrize("key", ["0", "999999", "x", "-1", "9" * 40, "%00", FAR_TOO_LONG])
def test_what_does_not_exist_is_not_found(alice: Person, resource: str, key: str) -> None:
    answer = alice.asks("GET", f"/api/v1/{resource}/{key}/")

    expect_refusal(answer, 404, "detail")


def test_a_user_carries_out_no_jobs_of_others(alice: Person, bob: Person) -> None:
    name = alice.uploads("ada.txt", b"Ada")
    [job] = alice.waits_for(alice.runs(alice.builds_pipeline(step("helloworld", "Greet")), [name]))

    for action in ("claim", "heartbeat", "logs", "release"):
        answer = bob.asks("POST", f"{job['url']}{action}/", json={})
        assert answer.status_code in {400, 403, 404}, answer.text
        expect_shape(answer)
    expect_refusal(bob.asks("PATCH", job["url"], json={"status": "FAILED"}), 404, "detail")


def test_a_method_that_is_not_offered_is_named(alice: Person) -> None:
    answer = alice.asks("DELETE", "/api/v1/pipelines/")

    expect_refusal(answer, 405, "detail")
    assert "GET" in answer.headers["Allow"]


def test_a_body_of_an_unknown_type_is_refused(alice: Person) -> None:
    headers = {"Content-Type": "text/plain"}

    answer = alice.asks("POST", "/api/v1/pipelines/", content=b"name", headers=headers)

    expect_refusal(answer, 415, "detail")


def expect_refusal(answer: httpx.Response, status: int, field: str) -> None:
    assert (answer.status_code, field in answer.text) == (status, True), answer.text[:500]
    assert field in expect_shape(answer)


def expect_shape(answer: httpx.Response) -> Item:
    """`{"detail": text}`, or lists of texts by field."""
    body: Item = answer.json()
    for field, value in body.items():
        texts = [value] if field == "detail" else value
        assert isinstance(texts, list), body
        assert all(isinstance(text, str) and text for text in texts), body
    assert body
    return body
