"""Reads a module's output.json, in both dialects, and decides what becomes of each file in it.

Pure: it is told what lies in the output folder and never looks itself. Published modules write
`files_created` or the older `files_extra`, `[null]` for an empty list, and fewer tags than files.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, NoReturn

from execution.claims import InputFile
from execution.failures import JobFailed

Tags = dict[str, Any]


@dataclass(frozen=True)
class OutputDocument:
    """What output.json says; `files` maps each listed name to its tags, in the listed order."""

    files: dict[str, Tags]
    created: frozenset[str]
    modified: frozenset[str]


@dataclass(frozen=True)
class HandOn:
    """An input passed on untouched: the next job gets the same file."""

    url: str


@dataclass(frozen=True)
class Upload:
    """A file to store as an output; it lies in the output folder, or still in the input folder."""

    name: str
    tags: Tags
    parent_url: str | None = None
    is_input: bool = False


Step = HandOn | Upload


def read_output_document(text: str) -> OutputDocument:
    """Refuses, with a sentence for the job's log, whatever cannot be understood."""
    try:
        document = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise JobFailed(f"output.json is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise JobFailed("output.json is not a JSON object")
    if "files" not in document:
        raise JobFailed('output.json has no "files"')
    return OutputDocument(
        files=_tagged_files(_names(document, "files"), document.get("tags")),
        created=frozenset(_names(document, "files_created") + _names(document, "files_extra")),
        modified=frozenset(_names(document, "files_modified")),
    )


def plan_outputs(
    document: OutputDocument,
    inputs: Mapping[str, InputFile],
    is_output: Callable[[str], bool],
    is_unchanged_input: Callable[[str], bool],
) -> list[Step]:
    """One step per listed file, in the listed order."""
    _refuse_equal_names(document.files)
    plan: list[Step] = []
    for name, tags in document.files.items():
        parent = inputs.get(name)
        if name not in document.created | document.modified and parent is not None:
            plan.append(_passed_on(parent, tags, is_output(name), is_unchanged_input(name)))
        elif not is_output(name):
            raise JobFailed(f"output.json lists {name}, which is not in output/")
        else:
            is_new = parent is None or name in document.created
            plan.append(Upload(name, tags, None if is_new or parent is None else parent.url))
    return plan


def _passed_on(parent: InputFile, tags: Tags, is_output: bool, is_unchanged: bool) -> Step:
    """An input listed as neither created nor modified.

    With nothing to add it is handed on as it is. New tags, or other bytes, make a version of it:
    the input itself belongs to its owner and may serve other runs.
    """
    merged = {**parent.tags, **tags}
    if is_unchanged and merged == parent.tags:
        return HandOn(parent.url)
    return Upload(parent.name, merged, parent.url, is_input=not is_output)


def _names(document: Mapping[str, Any], field: str) -> list[str]:
    value = document.get(field)
    if value is None:
        return []
    if not isinstance(value, list):
        raise JobFailed(f'"{field}" in output.json is not a list')
    names = [name for name in value if name is not None]
    for name in names:
        _refuse_bad_name(name, field)
    return names


def _refuse_bad_name(name: object, field: str) -> None:
    if not isinstance(name, str) or not name or "\0" in name:
        raise JobFailed(f'"{field}" in output.json holds {name!r}, which is no file name')
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise JobFailed(f"output.json lists {name}, which is outside output/")


def _tagged_files(names: list[str], tags: object) -> dict[str, Tags]:
    if tags is not None and not isinstance(tags, list):
        raise JobFailed('"tags" in output.json is not a list')
    listed = list(tags or [])
    files: dict[str, Tags] = {}
    for position, name in enumerate(names):
        given = listed[position] if position < len(listed) else None
        if given is not None and not isinstance(given, dict):
            raise JobFailed(f"the tags of {name} in output.json are not an object")
        files[name] = given or {}
    return files


def _refuse_equal_names(files: Mapping[str, Tags]) -> None:
    """Stored files have no folders, so two of one name would be one to the next job."""
    seen: set[str] = set()
    for name in files:
        stored = PurePosixPath(name).name
        if stored in seen:
            raise JobFailed(f"output.json lists two files named {stored}")
        seen.add(stored)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")
