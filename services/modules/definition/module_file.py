"""`mlsploit_module.yaml`, the newer format: one file, documented throughout.

Unknown keys are ignored and file types are written in any case, with or without their dot.
"""

from services.modules.definition.faults import Report
from services.modules.definition.icons import fault_of_icon
from services.modules.definition.model import Definition, Function
from services.modules.definition.options import module_file_option, tags_of
from services.modules.definition.sections import Section
from services.modules.definition.yaml_reader import read_yaml

MODULE_FILE = "mlsploit_module.yaml"
TAGLINE_CHARACTERS_MAX = 50
TIMEOUT_SECONDS_MAX = 30 * 24 * 3600


def parse_module_file(data: bytes) -> Definition:
    """The definition in this file, or a refusal that names all its faults."""
    report = Report()
    section = Section.of(read_yaml(MODULE_FILE, data), "", report)
    definition = _definition(section) if section else None
    report.refuse_if_any()
    assert definition is not None  # No section is a fault, and a fault is a refusal.
    return definition


def filetype(text: str) -> str:
    """A file type as files are matched against it: lower case, no blanks or dots around it."""
    return text.lower().strip(" .")


def note_repeated_names(functions: tuple[Section, ...]) -> None:
    """Functions are found by name within their module, so no two may share one."""
    seen: set[str] = set()
    for section in functions:
        name = section.text("name", absent="")
        if section.has("name") and name in seen:
            section.note("name", f"is taken: another function of this module is named {name!r}")
        seen.add(name)


def _definition(section: Section) -> Definition:
    functions = section.sections("functions")
    if not functions:
        section.note("functions", "is required: a list of at least one function")
    note_repeated_names(functions)
    return Definition(
        display_name=section.text("display_name"),
        tagline=_tagline(section),
        doctxt=section.text("doctxt"),
        functions=tuple(_function(each) for each in functions),
        icon_url=_icon_url(section),
    )


def _tagline(section: Section) -> str:
    tagline = section.text("tagline")
    if len(tagline) > TAGLINE_CHARACTERS_MAX:
        limit = f"at most {TAGLINE_CHARACTERS_MAX} characters"
        section.note("tagline", f"expected {limit}, found {len(tagline)}")
    return tagline


def _icon_url(section: Section) -> str | None:
    if not section.has("icon_url"):
        return None
    address = section.text("icon_url")
    if fault := fault_of_icon(address):
        section.note("icon_url", fault)
    return address.strip()


def _function(section: Section) -> Function:
    optional = tuple(filetype(text) for text in section.texts("optional_filetypes"))
    return Function(
        name=section.text("name"),
        doctxt=section.text("doctxt"),
        options=tuple(module_file_option(each) for each in section.sections("options")),
        creates_new_files=section.flag("creates_new_files"),
        modifies_input_files=section.flag("modifies_input_files"),
        expected_filetype=filetype(section.text("expected_filetype")),
        optional_filetypes=optional if section.has("optional_filetypes") else None,
        output_tags=tags_of(section, "output_tags"),
        timeout_seconds=section.number("timeout_seconds", at_most=TIMEOUT_SECONDS_MAX),
    )
