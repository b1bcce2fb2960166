"""`input.schema` and `output.schema`, the older format: two JSON files on the same functions.

Most published modules have it. It knows no title, often no texts and no defaults, so all of these
may be absent here; what a function takes and gives is said as strictly as in the newer format.
"""

from collections.abc import Iterator

from services.modules.definition.faults import DefinitionRefused, Report
from services.modules.definition.icons import fault_of_icon
from services.modules.definition.json_reader import read_json
from services.modules.definition.model import Definition, Function
from services.modules.definition.module_file import filetype, note_repeated_names
from services.modules.definition.options import schema_pair_option, tags_of
from services.modules.definition.sections import Section

INPUT_FILE = "input.schema"
OUTPUT_FILE = "output.schema"


def parse_schema_pair(input_data: bytes, output_data: bytes, *, name: str) -> Definition:
    """The definition that the two files make together; `name` is the title where they have none."""
    report = Report()
    inputs = _document(INPUT_FILE, input_data, report)
    outputs = _document(OUTPUT_FILE, output_data, report)
    definition = _definition(inputs, outputs, name) if inputs and outputs else None
    report.refuse_if_any()
    assert definition is not None  # A document that cannot be read is a fault.
    return definition


def _document(file: str, data: bytes, report: Report) -> Section | None:
    try:
        return Section.of(read_json(file, data), "", report)
    except DefinitionRefused as refused:
        # The other file is read all the same: its author wants to know of both.
        report.faults.extend(refused.faults)
        return None


def _definition(inputs: Section, outputs: Section, name: str) -> Definition:
    functions = inputs.sections("functions")
    if not functions:
        inputs.note("functions", "is required: a list of at least one function")
    note_repeated_names(functions)
    results = {each.text("name"): each for each in outputs.sections("functions")}
    icon_url = inputs.text("icon_url", absent="")
    if icon_url and (fault := fault_of_icon(icon_url)):
        inputs.note("icon_url", fault)
    return Definition(
        display_name=inputs.text("display_name", absent=name),
        tagline=inputs.text("tagline", absent=""),
        doctxt=inputs.text("doctxt", absent=""),
        functions=tuple(_function(each, results) for each in functions),
        icon_url=icon_url or None,
    )


def _function(section: Section, results: dict[str, Section]) -> Function:
    name = section.text("name")
    result = results.get(name)
    if result is None and section.has("name"):
        section.note("name", f"expected a function of {OUTPUT_FILE}: it has none of this name")
    extensions = section.sections("extensions")
    # One type can be there several times, told apart by tags; files are matched by type alone.
    filetypes = list(dict.fromkeys(filetype(each.text("extension")) for each in extensions))
    return Function(
        name=name,
        doctxt=_doctxt(section, extensions),
        options=tuple(schema_pair_option(each) for each in section.sections("options")),
        creates_new_files=_flag(result, "has_extra_files", "files_extra"),
        modifies_input_files=_flag(result, "has_modified_files", "files_modified"),
        expected_filetype=filetypes[0] if filetypes else "",
        optional_filetypes=tuple(filetypes[1:]),
        output_tags=tags_of(result, _present(result, "output_tags", "tags")) if result else (),
    )


def _present(section: Section, name: str, older_name: str) -> str:
    return older_name if section.has(older_name) and not section.has(name) else name


def _flag(section: Section | None, name: str, older_name: str) -> bool:
    return section.flag(_present(section, name, older_name)) if section else False


def _doctxt(section: Section, extensions: tuple[Section, ...]) -> str:
    """The function's text, and the tags that its input files need, which nothing else would say."""
    tagged = [text for each in extensions if (text := _tagged_files(each))]
    note = f"Input files: {'; '.join(tagged)}." if tagged else ""
    return "\n\n".join(filter(None, (section.text("doctxt", absent=""), note)))


def _tagged_files(extension: Section) -> str:
    tags = dict(_tags(extension))
    listed = ", ".join(f"{name}={value}" for name, value in tags.items())
    return f"{filetype(extension.text('extension'))} tagged {listed}" if tags else ""


def _tags(extension: Section) -> Iterator[tuple[str, str]]:
    if extension.has("ftype"):
        yield "ftype", extension.text("ftype")
    if not extension.has("tags"):
        return
    path = extension.path_of("tags")
    tags = Section.of(extension.entries["tags"], path, extension.report)
    if tags is not None:
        yield from ((name, tags.text(name)) for name in tags.entries)
