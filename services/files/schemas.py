"""Bodies this service takes and gives, and its filters: the promise to its callers."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field as Limited
from starlette.datastructures import QueryParams

from services.files.errors import NOT_A_FILE
from services.files.models import HOLDER_LENGTH_MAX, INPUT, KINDS
from shared.bodies import Body
from shared.errors import InvalidFields
from shared.fields import Choice, Field, JsonText, Link, Number, Text, refuse
from shared.hyperlinks import ID_MAX
from shared.lists import ids_wanted, not_a_choice
from shared.openapi import EXAMPLE_HOST, Answer, JsonString, Moment, Url, example_url, shown_as

HELD_FILES_MAX = 10_000

Kind = Annotated[str, Choice(options=KINDS)]
Tags = Annotated[str, JsonText(not_json="Unable to decode.")]
Parent = Annotated[int | None, Link(to="files", nullable=True)]
Owner = Annotated[int, Link(to="users")]


@dataclass(frozen=True, kw_only=True)
class NotText(Field):
    """A blob comes as a part of a multipart form that has a file name, in no other way."""

    def parse(self, _value: Any) -> None:
        refuse(NOT_A_FILE)

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "format": "binary", "minLength": 1}


@dataclass(frozen=True, kw_only=True)
class LinkOrBlank(Link):
    """Blank in a form names nothing, and so begins a page's form: an example would be sent."""

    def json_schema(self) -> dict[str, Any]:
        link = super().json_schema()
        return {"type": "string", "anyOf": [link, {"maxLength": 0}], "examples": [""]}


class FileUpload(Body):
    """`blob` is here only to be refused when it comes as text; the file itself is streamed."""

    blob: Annotated[None, NotText()] = None
    kind: Kind = INPUT
    tags: Tags = "{}"
    parent_file: Parent = None


class StaffFileUpload(FileUpload):
    model_config = shown_as(owner=example_url("users"), kind="INPUT", tags='{"kind": "dataset"}')

    owner: Owner


class NewFile(StaffFileUpload):
    """For the document: who uploads for others must name the `owner`, nobody else can."""

    model_config = shown_as(blob="0.1 0.2", kind="INPUT", tags='{"kind": "dataset"}')

    blob: Annotated[None, NotText()]
    parent_file: Annotated[int | None, LinkOrBlank(to="files", nullable=True)] = None
    owner: Annotated[int, LinkOrBlank(to="users")] = 0


class FileChange(Body):
    """For PATCH and PUT alike: what is not sent stays as it is."""

    kind: Kind = INPUT
    tags: Tags = "{}"
    parent_file: Parent = None


class StaffFileChange(FileChange):
    """`owner` is for administrators, who must name it with PUT; nobody else can."""

    model_config = shown_as(tags='{"kind": "dataset"}')

    owner: Owner = 0


class StaffFileReplacement(FileChange):
    model_config = shown_as(owner=example_url("users"), kind="INPUT", tags="{}")

    owner: Owner


class Hold(Body):
    """Another service keeps files from deletion for a run."""

    holder: Annotated[str, Text(longest=HOLDER_LENGTH_MAX)]
    role: Literal["input", "output"]
    owner_id: Annotated[int, Number()]
    file_ids: Annotated[
        list[Annotated[int, Limited(ge=1, le=ID_MAX)]], Limited(max_length=HELD_FILES_MAX)
    ]


@dataclass(frozen=True)
class FileFilter:
    """Which files a list shows; `only_owner` is what the caller may see, None for staff."""

    only_owner: int | None
    ids: list[int] | None = None
    owners: list[int] | None = None
    kind: str | None = None


def filter_wanted(query: QueryParams, *, only_owner: int | None) -> FileFilter:
    """Every wrong parameter is named, as with the fields of a body."""
    faults: dict[str, list[str]] = {}
    found: dict[str, list[int] | None] = {}
    for name in ("id", "owner"):
        try:
            found[name] = ids_wanted(query, name)
        except InvalidFields as refusal:
            faults |= refusal.faults
    kind = query.get("kind") or None
    if kind is not None and kind not in KINDS:
        faults["kind"] = [not_a_choice(kind)]
    if faults:
        raise InvalidFields(faults)
    return FileFilter(only_owner, ids=found["id"], owners=found["owner"], kind=kind)


class FileRead(Answer):
    model_config = shown_as(
        id=1,
        url=example_url("files"),
        name="digits.npz",
        owner=example_url("users"),
        blob_url=f"{EXAMPLE_HOST}/media/files/AAAAAAAAAAE.c2lnbmF0dXJl/digits.npz",
        kind="INPUT",
        tags='{"kind": "dataset"}',
        parent_file=example_url("files", 3),
        modified_versions=[example_url("files", 2)],
        date_uploaded="2026-11-23T16:35:50.501938Z",
        size=52731,
        sha256="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    )

    id: int
    url: Url
    name: str
    owner: Url
    blob_url: Url
    kind: Literal["INPUT", "OUTPUT"]
    tags: JsonString
    parent_file: Url | None
    modified_versions: list[Url]
    date_uploaded: Moment
    size: int
    sha256: str
