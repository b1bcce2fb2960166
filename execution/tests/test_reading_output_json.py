import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.claims import InputFile
from execution.failures import JobFailed
from execution.outputs import HandOn, Step, Upload, plan_outputs, read_output_document

INPUT = InputFile(
    id=1, url="http://h/files/1/", name="in.png", blob_url="", size=1, sha256="", tags={"old": 1}
)


def plan(
    document: object, present: tuple[str, ...] = (), unchanged: tuple[str, ...] = ()
) -> list[Step]:
    return plan_outputs(
        read_output_document(json.dumps(document)),
        {INPUT.name: INPUT},
        lambda name: name in present,
        lambda name: name in unchanged,
    )


def test_the_newer_dialect_names_created_and_modified_files() -> None:
    document = {
        "name": "F",
        "files": ["in.png", "new.txt"],
        "files_created": ["new.txt"],
        "files_modified": ["in.png"],
        "tags": [{"label": "7"}, {}],
    }

    assert plan(document, present=("in.png", "new.txt")) == [
        Upload("in.png", {"label": "7"}, INPUT.url),
        Upload("new.txt", {}),
    ]


def test_the_older_dialect_says_extra_and_writes_null_for_nothing() -> None:
    document = {
        "name": "F",
        "files": ["log.txt"],
        "files_extra": ["log.txt"],
        "files_modified": [None],
        "tags": [{"ftype": "log"}],
    }

    assert plan(document, present=("log.txt",)) == [Upload("log.txt", {"ftype": "log"})]


def test_fewer_tags_than_files_lose_no_file() -> None:
    document = {"files": ["in.png", "b"], "files_modified": ["in.png", "b"], "tags": []}

    assert plan(document, present=("in.png", "b")) == [
        Upload("in.png", {}, INPUT.url),
        Upload("b", {}),
    ]


def test_an_input_in_neither_list_is_handed_on() -> None:
    assert plan({"files": ["in.png"]}, unchanged=("in.png",)) == [HandOn(INPUT.url)]
    same_tags = {"files": ["in.png"], "tags": [{"old": 1}]}
    assert plan(same_tags, present=("in.png",), unchanged=("in.png",)) == [HandOn(INPUT.url)]


def test_an_input_with_new_tags_or_other_bytes_becomes_a_version_of_itself() -> None:
    tagged = {"files": ["in.png"], "tags": [{"label": "7"}]}
    merged = {"old": 1, "label": "7"}

    assert plan(tagged, unchanged=("in.png",)) == [Upload("in.png", merged, INPUT.url, True)]
    assert plan({"files": ["in.png"]}, present=("in.png",)) == [
        Upload("in.png", {"old": 1}, INPUT.url)
    ]


def test_a_file_listed_in_neither_list_is_not_lost() -> None:
    assert plan({"files": ["out/b"]}, present=("out/b",)) == [Upload("out/b", {})]


def test_a_file_listed_twice_is_one_file() -> None:
    document = {"files": ["b", "b"], "tags": [{"n": 1}, {"n": 2}]}

    assert plan(document, present=("b",)) == [Upload("b", {"n": 2})]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "output.json is not JSON"),
        ("[1]", "output.json is not a JSON object"),
        ("{}", 'output.json has no "files"'),
        ('{"files": "a"}', '"files" in output.json is not a list'),
        ('{"files": [1]}', "which is no file name"),
        ('{"files": ["../secret"]}', "../secret, which is outside output/"),
        ('{"files": ["/etc/passwd"]}', "/etc/passwd, which is outside output/"),
        ('{"files": ["a"], "tags": {}}', '"tags" in output.json is not a list'),
        ('{"files": ["a"], "tags": [1]}', "the tags of a in output.json are not an object"),
        ('{"files": [], "x": NaN}', "NaN is not a JSON value"),
        ("[" * 100_000, "output.json is not JSON"),
        ('{"files": ["gone.png"]}', "lists gone.png, which is not in output/"),
        ('{"files": ["a/x", "b/x"]}', "output.json lists two files named x"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(JobFailed) as refusal:
        plan_outputs(read_output_document(text), {}, lambda _: False, lambda _: False)

    assert sentence in str(refusal.value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("files"), inner),
    )
)
def test_no_document_crashes_the_reader(document: object) -> None:
    with suppress(JobFailed):
        plan(document)
