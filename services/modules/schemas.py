"""What this service takes and answers: the promise to its callers."""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from services.modules.definition import INPUT_FILE, MODULE_FILE, OUTPUT_FILE
from shared.bodies import Body
from shared.fields import Text
from shared.openapi import Answer, JsonString, Url, example_url, shown_as

# 1 to 50 letters, digits, - and _.
NAME = re.compile(r"[A-Za-z0-9_-]{1,50}")
REPOSITORY = "https://example.org/digits.git"
COMMIT = "3b18e512dba79e4c8300dd08aeb37f8e728b8dad"
FUNCTION: dict[str, Any] = {
    "id": 1,
    "url": example_url("functions"),
    "name": "FGSM",
    "module": example_url("modules"),
    "module_name": "digits",
    "repo_url": REPOSITORY,
    "commit": COMMIT,
    "doctxt": "Perturb images along the sign of the gradient.",
    "options": '[{"name": "epsilon", "type": "float", "doctxt": "Size of a step", '
    '"required": true, "enum_values": null, "default": 0.1}]',
    "creates_new_files": False,
    "modifies_input_files": True,
    "expected_filetype": "npz",
    "optional_filetypes": "null",
    "output_tags": "[]",
    "timeout_seconds": 600,
}


class FunctionRead(Answer):
    model_config = shown_as(**FUNCTION)

    id: int
    url: Url
    name: str
    module: Url
    module_name: str
    repo_url: str
    commit: str
    doctxt: str
    options: JsonString
    creates_new_files: bool
    modifies_input_files: bool
    expected_filetype: str
    optional_filetypes: JsonString
    output_tags: JsonString
    # Null: as long as the system allows.
    timeout_seconds: int | None


class ModuleRead(Answer):
    model_config = shown_as(
        id=1,
        url=example_url("modules"),
        name="digits",
        repo_url=REPOSITORY,
        repo_branch="main",
        commit=COMMIT,
        display_name="Digits",
        functions=[FUNCTION],
        tagline="Attack and defend a classifier",
        doctxt="A small classifier of digits, an attack on it and a defence.",
        config='{"module": {"display_name": "Digits"}}',
        icon_url="",
    )

    id: int
    url: Url
    name: str
    repo_url: str
    repo_branch: str
    commit: str
    display_name: str
    functions: list[FunctionRead]
    tagline: str
    doctxt: str
    config: JsonString
    icon_url: str


class DefinitionCheck(Body):
    """The text of `mlsploit_module.yaml`, or of the two files of the older format."""

    model_config = shown_as(definition="display_name: Digits\nfunctions: []\n")

    definition: Annotated[str | None, Text(trim=False, blank=True)] = None
    input_schema: Annotated[str | None, Text(trim=False, blank=True)] = None
    output_schema: Annotated[str | None, Text(trim=False, blank=True)] = None

    def files(self) -> dict[str, bytes]:
        """As they would stand in a repository."""
        texts = {
            MODULE_FILE: self.definition,
            INPUT_FILE: self.input_schema,
            OUTPUT_FILE: self.output_schema,
        }
        return {name: text.encode() for name, text in texts.items() if text is not None}


class FaultRead(Answer):
    file: str
    line: int
    column: int
    field: str
    message: str


class DefinitionVerdict(Answer):
    model_config = shown_as(
        valid=False,
        functions=[],
        faults=[
            {
                "file": MODULE_FILE,
                "line": 1,
                "column": 1,
                "field": "tagline",
                "message": "is missing",
            }
        ],
    )

    valid: bool
    # Names; none of a definition that is not valid.
    functions: list[str]
    faults: list[FaultRead]


@dataclass(frozen=True, kw_only=True)
class ModuleName(Text):
    """Judged with the command line's words, in service.py."""

    def json_schema(self) -> dict[str, Any]:
        return {**super().json_schema(), "pattern": f"^{NAME.pattern}$"}


class NewModule(Body):
    model_config = shown_as(name="digits", repo_url=REPOSITORY, repo_branch="main")

    name: Annotated[str, ModuleName()]
    repo_url: Annotated[str, Text(longest=2000)]
    # Blank: the repository's own default branch.
    repo_branch: Annotated[str, Text(longest=250, blank=True)] = ""
