"""What Swagger UI needs: its files from the installed bundle, and a document that it can read.

The bundled release reads OpenAPI 3.0. FastAPI writes 3.1, where null is a type and an upload is a
string of a media type; those two are said in the older words, the rest is the same in both.
"""

from importlib.resources import files
from pathlib import Path
from typing import Any

PAGES = Path(__file__).parent / "pages"
# The bundle keeps its one release in a folder that is named for it.
[BUNDLE] = Path(str(files("swagger_ui_bundle"))).glob("vendor/swagger-ui-*")
ASSETS = {
    "swagger-ui.css": (BUNDLE / "swagger-ui.css", "text/css"),
    "swagger-ui-bundle.js": (BUNDLE / "swagger-ui-bundle.js", "text/javascript"),
    "start.js": (PAGES / "start.js", "text/javascript"),
}
NULL = {"type": "null"}


def readable_by_swagger_ui(document: dict[str, Any]) -> dict[str, Any]:
    older: dict[str, Any] = _older(document)
    return {**older, "openapi": "3.0.3"}


def _older(node: Any) -> Any:
    if isinstance(node, list):
        return [_older(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: _older(value) for key, value in node.items()}
    if NULL in node.get("anyOf", ()):
        return _nullable(node)
    if node.pop("contentMediaType", None) == "application/octet-stream":
        node["format"] = "binary"
    return node


def _nullable(node: dict[str, Any]) -> dict[str, Any]:
    rest = [choice for choice in node["anyOf"] if choice != NULL]
    outside = {key: value for key, value in node.items() if key != "anyOf"}
    if len(rest) == 1 and "$ref" not in rest[0]:
        return {**rest[0], **outside, "nullable": True}
    return {**outside, "anyOf": rest, "nullable": True}
