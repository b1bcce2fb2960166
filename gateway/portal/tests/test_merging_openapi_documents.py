"""Five documents become one in which every reference still means the same."""

from typing import Any

from openapi_spec_validator import validate

from gateway.portal.openapi import Document, merge


def document(path: str, schemas: dict[str, Any], uses: str) -> Document:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{uses}"}}}
    answer = {"200": {"description": "OK", "content": content}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1"},
        "paths": {path: {"get": {"responses": answer}}},
        "components": {"schemas": schemas},
    }


def schema_used_by(merged: Document, path: str) -> str:
    content = merged["paths"][path]["get"]["responses"]["200"]["content"]
    return str(content["application/json"]["schema"]["$ref"].rpartition("/")[2])


def test_schemas_that_are_equal_become_one() -> None:
    error = {"Error": {"type": "object"}}

    merged = merge(
        {
            "users": document("/api/v1/users/", error, "Error"),
            "files": document("/api/v1/files/", error, "Error"),
        }
    )

    assert list(merged["components"]["schemas"]) == ["Error"]
    validate(merged)


def test_schemas_that_differ_carry_the_name_of_their_service() -> None:
    merged = merge(
        {
            "users": document("/api/v1/users/", {"Item": {"type": "object"}}, "Item"),
            "files": document("/api/v1/files/", {"Item": {"type": "string"}}, "Item"),
        }
    )

    assert schema_used_by(merged, "/api/v1/users/") == "UsersItem"
    assert schema_used_by(merged, "/api/v1/files/") == "FilesItem"
    assert merged["components"]["schemas"]["FilesItem"] == {"type": "string"}
    validate(merged)


def test_schemas_that_look_equal_but_refer_to_different_ones_stay_apart() -> None:
    lists = {"List": {"type": "array", "items": {"$ref": "#/components/schemas/Item"}}}

    merged = merge(
        {
            "users": document("/api/v1/users/", lists | {"Item": {"type": "object"}}, "List"),
            "files": document("/api/v1/files/", lists | {"Item": {"type": "string"}}, "List"),
        }
    )

    files_list = merged["components"]["schemas"][schema_used_by(merged, "/api/v1/files/")]
    assert files_list["items"] == {"$ref": "#/components/schemas/FilesItem"}
    validate(merged)


def test_internal_paths_are_left_out() -> None:
    merged = merge({"runs": document("/internal/leases/", {"A": {"type": "object"}}, "A")})

    assert merged["paths"] == {}


def test_a_missing_service_is_named() -> None:
    assert "does not answer: files" in merge({}, silent=["files"])["info"]["description"]
