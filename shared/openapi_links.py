"""Links of the OpenAPI document: which operations go on with what an answer holds."""

from typing import Any

Extra = dict[str, Any]


def add_links(operation: Extra, path: str, paths: Extra) -> None:
    """From what was made, or comes first in a list, to what can be done with it."""
    answers = operation["responses"]
    for status, where in (("201", "$response.body#/id"), ("200", "$response.body#/0/id")):
        is_whole = status == "201" or _is_list(answers.get(status, {}))
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


def _is_list(answer: Extra) -> bool:
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    return bool(schema.get("type") == "array")
