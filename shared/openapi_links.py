"""Links of the OpenAPI document: which operations go on with what an answer holds."""

from typing import Any

Extra = dict[str, Any]


def add_links(operation: Extra, path: str, paths: Extra) -> None:
    """From what was made, or comes first in a list, to what can be done with it."""
    answers = operation["responses"]
    for status, where in (("201", "$response.body#/id"), ("200", "$response.body#/0/id")):
        shown = answers.get(status, {}).get("content", {}).get("application/json", {})
        is_whole = status == "201" or shown.get("schema", {}).get("type") == "array"
        for other, operations in paths.items() if status in answers and is_whole else ():
            name, _, end = other.removeprefix(path + "{").partition("}")
            if not other.startswith(path + "{") or "{" in end:
                continue
            answers[status].setdefault("links", {}).update(
                (
                    each["operationId"],
                    {"operationId": each["operationId"], "parameters": {name: where}},
                )
                for each in operations.values()
            )
