import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.runs.cli import app as commands
from services.runs.testing import Api
from shared.hyperlinks import id_of
from shared.testing.fixtures import Published

Command = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Carries out a command beside the running service; answers its exit code and its words."""
    monkeypatch.setenv("MLSPLOIT_DATA_DIR", str(tmp_path))

    async def carry_out(*words: str) -> tuple[int, str]:
        # A command has an event loop of its own.
        result = await asyncio.to_thread(CliRunner().invoke, commands, words)
        return result.exit_code, result.output

    return carry_out


async def test_listruns_shows_how_far_runs_are(api: Api, command: Command) -> None:
    run = await api.start_run(jobs=2)
    await api.patch(run["jobs"][0], {"status": "FINISHED"})

    code, said = await command("listruns")

    assert code == 0
    assert said == (
        f"{id_of(run['url'])}\tuser 1\tpipeline 1\tRUNNING\t1/2 jobs\t{run['date_created']}\n"
    )


async def test_requeue_offers_a_job_again(api: Api, command: Command, published: Published) -> None:
    first, _ = (await api.start_run())["jobs"]
    await api.claim(first)

    code, said = await command("requeue", str(id_of(first)))

    assert (code, said) == (0, f"Job {id_of(first)} is announced again.\n")
    assert (await api.read(first))["status"] == "PENDING"
    assert (await published())[-1][0] == "mlsploit.jobs.helloworld"


async def test_requeue_says_why_it_cannot(api: Api, command: Command) -> None:
    first, second = (await api.start_run())["jobs"]
    await api.patch(first, {"status": "FAILED"})

    for job_id, reason in (
        (id_of(first), f"Job {id_of(first)} is FAILED; it stays that way."),
        (id_of(second), f"Job {id_of(second)} waits for job {id_of(first)} to finish."),
        (999, "Job 999 does not exist."),
    ):
        assert await command("requeue", str(job_id)) == (1, f"{reason}\n")
