"""Modules and functions as clients see them; the order of the fields is the contract's."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from shared.hyperlinks import Hyperlinks

MODULE_FIELDS = (
    "id",
    "url",
    "name",
    "repo_url",
    "repo_branch",
    "commit",
    "display_name",
    "functions",
    "tagline",
    "doctxt",
    "config",
    "icon_url",
)
FUNCTION_FIELDS = (
    "id",
    "url",
    "name",
    "module",
    "module_name",
    "repo_url",
    "commit",
    "doctxt",
    "options",
    "creates_new_files",
    "modifies_input_files",
    "expected_filetype",
    "optional_filetypes",
    "output_tags",
    "timeout_seconds",
)


def show_function(row: Any, links: Hyperlinks) -> dict[str, Any]:
    columns: dict[str, Any] = row._asdict()
    columns["url"] = links.item("functions", row.id)
    columns["module"] = links.item("modules", row.module_id)
    return {name: columns[name] for name in FUNCTION_FIELDS}


def show_module(row: Any, functions: Iterable[Any], links: Hyperlinks) -> dict[str, Any]:
    columns: dict[str, Any] = row._asdict()
    columns["url"] = links.item("modules", row.id)
    columns["functions"] = [show_function(function, links) for function in functions]
    return {name: columns[name] for name in MODULE_FIELDS}


def show_modules(
    rows: Sequence[Any], functions: Sequence[Any], links: Hyperlinks
) -> list[dict[str, Any]]:
    """`functions` come newest first and are shown in the order of the definition."""
    by_module: defaultdict[int, list[Any]] = defaultdict(list)
    for function in reversed(functions):
        by_module[function.module_id].append(function)
    return [show_module(row, by_module[row.id], links) for row in rows]
