"""The hello modules: what they make of name files, in the new and in the older format."""

import json

import yaml

from examples.tests.jobs import MODULES, RunJob

NAMES = {"ada.txt": b"Ada\n", "grace.txt": b"Grace Hopper"}
FRIENDLY = {"greeting": "Hello", "ending": "!", "repeat": 2}


def test_each_name_gets_a_greeting_file(run_hello: RunJob) -> None:
    job = run_hello("Greet", FRIENDLY, NAMES)

    assert job.exit_code == 0, job.logs
    assert job.files() == {
        "ada-greeting.txt": b"Hello, Ada!\n" * 2,
        "grace-greeting.txt": b"Hello, Grace Hopper!\n" * 2,
    }
    assert job.report["files_created"] == ["ada-greeting.txt", "grace-greeting.txt"]
    assert job.report["files_modified"] == []
    assert job.tags("ada-greeting.txt") == {"name": "Ada", "length": 11}


def test_a_shouted_file_keeps_its_name(run_hello: RunJob) -> None:
    job = run_hello("Shout", {}, NAMES)

    assert job.files() == {"ada.txt": b"ADA\n", "grace.txt": b"GRACE HOPPER"}
    assert job.report["files_modified"] == ["ada.txt", "grace.txt"]
    assert job.report["files_created"] == []
    assert job.tags("ada.txt") == {"capitals": 3}


def test_failing_on_purpose_says_so_and_reports_nothing(run_hello: RunJob) -> None:
    job = run_hello("Fail", {"message": "Not today.", "exit_code": 7}, NAMES)

    assert (job.exit_code, job.logs, job.report) == (7, "Not today.\n", {})


def test_a_file_that_is_no_text_is_refused_in_one_sentence(run_hello: RunJob) -> None:
    job = run_hello("Shout", {}, {"odd.txt": b"\xff\xfe\xfd"})

    assert (job.exit_code, job.report) == (1, {})
    assert job.logs == "Shout: odd.txt is not a UTF-8 text file\n"


def test_an_absurd_number_of_repetitions_is_refused(run_hello: RunJob) -> None:
    job = run_hello("Greet", FRIENDLY | {"repeat": 10**9}, NAMES)

    assert (job.exit_code, job.logs) == (1, "Greet: repeat must be from 1 to 100, not 1000000000\n")


def test_the_older_module_reports_new_files_as_extra(run_hello_schema: RunJob) -> None:
    job = run_hello_schema("say_hello", {"style": "formal", "repeat": 1}, NAMES)

    assert job.exit_code == 0, job.logs
    assert job.files()["ada-greeting.txt"] == b"Good day, Ada.\n"
    assert job.report["files_extra"] == ["ada-greeting.txt", "grace-greeting.txt"]
    assert "files_created" not in job.report


def test_the_older_module_modifies_files(run_hello_schema: RunJob) -> None:
    job = run_hello_schema("shout", {}, NAMES)

    assert job.files() == {"ada.txt": b"ADA\n", "grace.txt": b"GRACE HOPPER"}
    assert job.report["files_modified"] == ["ada.txt", "grace.txt"]


def test_the_older_module_fails_on_purpose(run_hello_schema: RunJob) -> None:
    job = run_hello_schema("fail", {}, NAMES)

    assert (job.exit_code, job.logs, job.report) == (1, "Failing, as asked.\n", {})


def test_the_older_pair_of_schemas_names_the_same_functions() -> None:
    folder = MODULES / "helloworld-schema"
    inputs = json.loads((folder / "input.schema").read_text(encoding="utf-8"))
    outputs = json.loads((folder / "output.schema").read_text(encoding="utf-8"))

    names = [function["name"] for function in inputs["functions"]]

    assert names == [function["name"] for function in outputs["functions"]]
    assert names == ["say_hello", "shout", "fail"]


def test_the_definition_names_what_the_code_offers() -> None:
    text = (MODULES / "helloworld" / "mlsploit_module.yaml").read_text(encoding="utf-8")

    functions = [function["name"] for function in yaml.safe_load(text)["functions"]]

    assert functions == ["Greet", "Shout", "Fail"]
