"""The normalised definition: what a module is once its file has been understood.

Field order is part of the contract: the texts that clients parse are these objects as JSON.
"""

import json
from dataclasses import asdict, dataclass
from typing import Literal

TagType = Literal["str", "int", "float"]
OptionType = Literal["str", "int", "float", "bool", "enum"]
Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag that a function puts on its output files."""

    name: str
    type: TagType


@dataclass(frozen=True, slots=True)
class Option:
    """One argument that a function takes."""

    name: str
    type: OptionType
    doctxt: str
    required: bool
    enum_values: tuple[str, ...] | None
    default: Value | None


@dataclass(frozen=True, slots=True)
class Function:
    """Something a module can do with files."""

    name: str
    doctxt: str
    options: tuple[Option, ...]
    creates_new_files: bool
    modifies_input_files: bool
    expected_filetype: str
    optional_filetypes: tuple[str, ...] | None
    output_tags: tuple[Tag, ...]
    # How long it may take; None is as long as the system allows anyway.
    timeout_seconds: int | None = None

    @property
    def options_text(self) -> str:
        return json.dumps([asdict(option) for option in self.options])

    @property
    def optional_filetypes_text(self) -> str:
        return json.dumps(self.optional_filetypes)

    @property
    def output_tags_text(self) -> str:
        return json.dumps([asdict(tag) for tag in self.output_tags])


@dataclass(frozen=True, slots=True)
class Definition:
    """A whole module, whichever format it was written in."""

    display_name: str
    tagline: str
    doctxt: str
    functions: tuple[Function, ...]
    icon_url: str | None

    @property
    def config_text(self) -> str:
        """A function without a limit of its own is written as if there were no such field."""
        whole = asdict(self)
        for function in whole["functions"]:
            if function["timeout_seconds"] is None:
                del function["timeout_seconds"]
        return json.dumps(whole)
