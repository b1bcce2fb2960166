"""What an operator sees of `make run`: side by side, again, and one sentence for each fault."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.people import People, step
from harness.systems import ForegroundSystem

from dev.stack import Stack
from dev.waiting import eventually


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """For tests that stop and start single processes."""
    folder = tmp_path_factory.mktemp("own") / "data"
    with Stack(folder, {"MLSPLOIT_MODULES": "helloworld"}) as stack:
        yield stack


@pytest.mark.timeout(300)
def test_two_systems_run_side_by_side(tmp_path: Path) -> None:
    with ForegroundSystem(tmp_path / "one") as one, ForegroundSystem(tmp_path / "two") as two:
        for system in (one, two):
            with People(system.url) as people:
                alice = people.register("alice")
                name = alice.uploads("ada.txt", b"Ada")
                run = alice.runs(alice.builds_pipeline(step("helloworld", "Greet")), [name])
                [job] = alice.waits_for(run)
                assert job["status"] == "FINISHED", job["logs"]
                assert job["url"].startswith(system.url)


@pytest.mark.timeout(300)
def test_what_was_made_is_there_after_a_restart(tmp_path: Path) -> None:
    system = ForegroundSystem(tmp_path / "data")
    with system, People(system.url) as people:
        alice = people.register("alice")
        alice.uploads("ada.txt", b"Ada")
        modules = alice.gets("/api/v1/modules/")
        token = (tmp_path / "data" / "execution" / "token").read_text()

    with system, People(system.url) as people:
        alice = people.with_token(alice.username, alice.token)
        [file] = alice.gets("/api/v1/files/")
        assert alice.downloads(file) == b"Ada"
        assert [m["commit"] for m in alice.gets("/api/v1/modules/")] == [
            m["commit"] for m in modules
        ]
        assert (tmp_path / "data" / "execution" / "token").read_text() == token


def test_the_administrator_gets_a_token_while_the_system_runs(
    tmp_path: Path,
) -> None:
    with ForegroundSystem(tmp_path / "data") as system, People(system.url) as people:
        said = system.command("drf_create_token", "admin").strip()

        assert said.startswith("Generated token ")
        assert said.endswith(" for user admin")
        admin = people.with_token("admin", said.split()[2])
        assert [user["username"] for user in admin.gets("/api/v1/users/")] == ["admin"]


def test_health_has_one_entry_for_each_service(people: People) -> None:
    answer = people.http.get("/healthz")

    assert answer.status_code == 200
    services = answer.json()["services"]
    assert {"users", "files", "modules", "pipelines", "runs"} <= set(services)
    assert {service["status"] for service in services.values()} == {"ready"}


@pytest.mark.timeout(300)
def test_health_is_not_ready_while_a_service_is_down(own_stack: Stack) -> None:
    with People(own_stack.url) as people:
        own_stack.kill("files")
        eventually(lambda: people.http.get("/healthz").status_code == 503, "health says so")
        own_stack.restart("files")
        eventually(lambda: people.http.get("/healthz").status_code == 200, "health says so")


@pytest.mark.timeout(300)
def test_a_worker_that_stops_hands_its_work_on_at_once(own_stack: Stack) -> None:
    with People(own_stack.url) as people:
        alice = people.register("alice")
        name = alice.uploads("ada.txt", b"Ada")
        shout = step("helloworld", "Shout")
        run = alice.runs(alice.builds_pipeline(shout, shout, shout), [name])
        eventually(lambda: alice.sees_jobs(run)[0]["status"] != "PENDING", "the first has begun")

        own_stack.restart("execution")

        # Far less than a lease or an acknowledgement lasts: nobody waited for one to run out.
        jobs = alice.waits_for(run, seconds_max=15)
    assert [job["status"] for job in jobs] == ["FINISHED"] * 3


def test_a_busy_port_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        settings = {"MLSPLOIT_GATEWAY_PORT": port}

        said = sentence_of(ForegroundSystem(tmp_path / "data", settings))

    assert f"Port {port} " in said
    assert "MLSPLOIT_GATEWAY_PORT" in said


def test_a_second_system_on_the_same_data_is_one_sentence(system: Stack) -> None:
    said = sentence_of(ForegroundSystem(system.data_dir))

    assert "Another system (process " in said
    assert "MLSPLOIT_DATA_DIR" in said


def test_a_broken_database_is_one_sentence(tmp_path: Path) -> None:
    database = tmp_path / "data" / "pipelines" / "pipelines.sqlite3"
    database.parent.mkdir(parents=True)
    database.write_bytes(b"not a database, but something else altogether" * 40)

    said = sentence_of(ForegroundSystem(tmp_path / "data"))

    assert str(database) in said
    assert "is broken" in said


def test_a_missing_tool_is_one_sentence(tmp_path: Path) -> None:
    said = sentence_of(ForegroundSystem(tmp_path / "data", {"PATH": str(tmp_path)}))

    assert "git is missing" in said


def test_a_stale_lock_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "lock").write_text("1\n")
    (tmp_path / "data" / "stack.json").write_text("{}")

    with ForegroundSystem(tmp_path / "data") as system:
        assert system.state["pids"]


def sentence_of(system: ForegroundSystem) -> str:
    """What a system says that does not start: one line, no traceback, exit code 1."""
    system.start()
    assert system.wait_until_ended() == 1, system.said
    [said] = system.said.splitlines()
    assert said.startswith("mlsploit: ")
    return said
