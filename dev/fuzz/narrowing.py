"""The document, made to name what is there: references, credentials, links to contents."""

from typing import Any
from urllib.parse import unquote, urlsplit

from dev.fuzz.furniture import RECEIVER, Furniture

# What these bodies must say depends on the account that asks, or on the function that is named.
ARGUMENTS = ["{}", '{"repeat": 2}', '{"greeting": "Hi", "ending": "."}']


def narrow(document: dict[str, Any], home: Furniture) -> None:
    password = {"type": "string", "enum": [home.password]}
    fixed: dict[str, dict[str, Any]] = {
        "password": password,
        "old_password": password,
        "password1": password,
        "password2": password,
        "new_password1": password,
        "new_password2": password,
        "arguments": {"type": "string", "enum": ARGUMENTS},
        "output_files": _some_of(home.links["outputs"]),
        "files": _some_of(home.links["files"]),
        "pipeline": _one_of(home.links["pipelines"]),
        "function": _one_of(home.links["functions"]),
        "parent_file": _one_of(home.links["files"]),
        "target": _one_of([RECEIVER]),
    }
    for schema in bodies(document):
        for name in schema.get("properties", {}).keys() & fixed.keys():
            may_be_null = {"type": "null"} in schema["properties"][name].get("anyOf", ())
            nullable = {"anyOf": [fixed[name], {"type": "null"}]}
            schema["properties"][name] = nullable if may_be_null else fixed[name]
        # For administrators alone; of anybody else it is ignored, right or wrong.
        schema.get("properties", {}).pop("owner", None)
    _, _, _, link, name = urlsplit(home.blob_url).path.split("/")
    blob = document["paths"]["/media/files/{link}/{name}"]["get"]
    known = {"link": link, "name": unquote(name)}
    for parameter in blob["parameters"]:
        if parameter["in"] == "path":
            parameter["schema"] = {"type": "string", "enum": [known[parameter["name"]]]}
    for name in ("Credentials", "CredentialsForm"):
        known_user = {"type": "string", "enum": [home.username]}
        document["components"]["schemas"][name]["properties"]["username"] = known_user
    _name_what_is_there(document, home)
    # A stream is one text in the document, and an object for each event to who reads it.
    stream = document["paths"]["/api/v1/events/"]["get"]["responses"]["200"]["content"]
    stream["text/event-stream"]["schema"] = {}


def _name_what_is_there(document: dict[str, Any], home: Furniture) -> None:
    """An id in a path is that of a thing as often as any other number."""
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                known = home.ids.get(parameter["name"])
                if parameter["in"] == "path" and known:
                    parameter["schema"] = {"anyOf": [{"enum": known}, parameter["schema"]]}


def bodies(document: dict[str, Any]) -> list[dict[str, Any]]:
    schemas = document["components"]["schemas"]
    names = {
        media["schema"]["$ref"].rpartition("/")[2]
        for operations in document["paths"].values()
        for operation in operations.values()
        for media in operation.get("requestBody", {}).get("content", {}).values()
        if "$ref" in media["schema"]
    }
    return [schemas[name] for name in sorted(names)]


def _one_of(urls: list[str]) -> dict[str, Any]:
    return {"type": "string", "enum": urls}


def _some_of(urls: list[str]) -> dict[str, Any]:
    return {"type": "array", "items": _one_of(urls)}
