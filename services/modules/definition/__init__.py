"""Module definitions: read both formats into one normalised form, or say everything that is wrong.

Pure: bytes in, a `Definition` or `DefinitionRefused` out. No other exception leaves this package,
whatever the bytes are, because the bytes come from a repository somebody else wrote.
"""

from collections.abc import Mapping

from services.modules.definition.faults import DOCUMENT, DefinitionRefused, Fault
from services.modules.definition.model import Definition, Function, Option, Tag
from services.modules.definition.module_file import MODULE_FILE, parse_module_file
from services.modules.definition.schema_pair import INPUT_FILE, OUTPUT_FILE, parse_schema_pair

__all__ = [
    "DEFINITION_FILES",
    "INPUT_FILE",
    "MODULE_FILE",
    "OUTPUT_FILE",
    "Definition",
    "DefinitionRefused",
    "Fault",
    "Function",
    "Option",
    "Tag",
    "parse_definition",
]

DEFINITION_FILES = (MODULE_FILE, INPUT_FILE, OUTPUT_FILE)


def parse_definition(files: Mapping[str, bytes], *, name: str) -> Definition:
    """The definition that these files hold; `name` stands in where the older format has no title.

    `files` maps the names in `DEFINITION_FILES` to contents; absent files are left out. The newer
    format wins where a repository has both, as its author wrote it last.
    """
    if MODULE_FILE in files:
        return parse_module_file(files[MODULE_FILE])
    if INPUT_FILE in files and OUTPUT_FILE in files:
        return parse_schema_pair(files[INPUT_FILE], files[OUTPUT_FILE], name=name)
    raise DefinitionRefused([_absence(files)])


def _absence(files: Mapping[str, bytes]) -> Fault:
    for present, absent in ((INPUT_FILE, OUTPUT_FILE), (OUTPUT_FILE, INPUT_FILE)):
        if present in files:
            return Fault(absent, 1, 1, DOCUMENT, f"is missing: {present} needs it beside itself")
    allowed = f"the root holds {MODULE_FILE}, or {INPUT_FILE} and {OUTPUT_FILE}"
    return Fault(MODULE_FILE, 1, 1, DOCUMENT, f"is missing: {allowed}")
