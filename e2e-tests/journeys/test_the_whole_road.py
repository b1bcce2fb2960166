"""From sign-up to output files with the smallest module: every step as a client takes it."""

import json

from harness.people import Person, step


def test_a_newcomer_gets_from_sign_up_to_output_files(alice: Person) -> None:
    names = [alice.uploads("ada.txt", b"Ada\n"), alice.uploads("alan.txt", b"Alan\n")]
    pipeline = alice.builds_pipeline(
        step("helloworld", "Greet", greeting="Good morning", ending="."),
        step("helloworld", "Shout"),
    )

    run = alice.runs(pipeline, names)
    greet, shout = alice.waits_for(run)

    assert [greet["status"], shout["status"]] == ["FINISHED", "FINISHED"], shout["logs"]
    assert shout["parent_job"] == greet["url"]
    texts = [alice.downloads(url).decode().strip() for url in shout["output_files"]]
    assert sorted(texts) == ["GOOD MORNING, ADA.", "GOOD MORNING, ALAN."]


def test_outputs_say_where_they_come_from(alice: Person) -> None:
    name = alice.uploads("ada.txt", b"ada")
    [job] = alice.waits_for(alice.runs(alice.builds_pipeline(step("helloworld", "Shout")), [name]))

    [output] = [alice.gets(url) for url in job["output_files"]]

    assert output["name"] == "ada.txt"
    assert (output["kind"], output["owner"]) == ("OUTPUT", name["owner"])
    assert output["parent_file"] == name["url"]
    assert json.loads(output["tags"])["capitals"] == 3
    assert output["url"] in alice.gets(name["url"])["modified_versions"]
    assert json.loads(job["output"])["files_modified"] == ["ada.txt"]


def test_a_job_that_fails_says_why_and_stops_those_behind_it(alice: Person) -> None:
    name = alice.uploads("ada.txt", b"Ada")
    pipeline = alice.builds_pipeline(
        step("helloworld", "Fail", message="no luck today", exit_code=7),
        step("helloworld", "Greet"),
    )

    failed, behind = alice.waits_for(alice.runs(pipeline, [name]))

    assert (failed["status"], behind["status"]) == ("FAILED", "PENDING")
    assert "no luck today" in failed["logs"]
    assert "exit code 7" in failed["logs"]


def test_each_sees_only_their_own(alice: Person, bob: Person) -> None:
    name = alice.uploads("ada.txt", b"Ada")
    pipeline = alice.builds_pipeline(step("helloworld", "Greet"))
    run = alice.runs(pipeline, [name])
    [job] = alice.waits_for(run)
    hers = [name["url"], pipeline["url"], run["url"], job["url"], job["output_files"][0]]

    assert [bob.asks("GET", url).status_code for url in hers] == [404] * len(hers)
    for resource in ("files", "pipelines", "tasks", "runs", "jobs"):
        assert bob.gets(f"/api/v1/{resource}/") == []
