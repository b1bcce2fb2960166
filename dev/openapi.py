"""Writes what each service promises to `services/<name>/openapi.json`: `make openapi`.

The files are what reviewers read and what a client is generated from, so a test fails when one of
them is not what its service would say today.
"""

import importlib
import json
from pathlib import Path
from typing import Any

from dev.environment import ROOT

SERVICES = ("users", "files", "modules", "pipelines", "runs")
# Any will do: no document depends on it.
UNUSED = "only for writing the documents of an API"


def document(service: str) -> dict[str, Any]:
    """What the service says of itself; nothing is started for it."""
    main = importlib.import_module(f"services.{service}.main")
    module = importlib.import_module(f"services.{service}.settings")
    settings = getattr(module, f"{service.title()}Settings")
    needed = [name for name, field in settings.model_fields.items() if field.is_required()]
    built = main.build(settings.model_validate(dict.fromkeys(needed, UNUSED)))
    found: dict[str, Any] = built.openapi()
    return found


def written(service: str) -> str:
    return json.dumps(document(service), indent=1, ensure_ascii=False) + "\n"


def path_of(service: str) -> Path:
    return ROOT / "services" / service / "openapi.json"


def main() -> None:
    for service in SERVICES:
        path_of(service).write_text(written(service), encoding="utf-8")


if __name__ == "__main__":
    main()
