"""What the process runner promises although it is no sandbox: limits, and nothing that outlives.

It keeps no module from this machine's memory, processors and network, which none of these attacks
tries; docs/explanation/sandbox.md says so.
"""

import asyncio

import psutil
import pytest

from execution.testing.repositories import make_repository
from execution.testing.storm import RUN, Attack, Outcome, storm

pytestmark = pytest.mark.attack

MEBIBYTE = 1024 * 1024
LIMITS: dict[str, object] = {
    "runner": "process",
    "jobs": 4,
    "output_bytes_max": 2 * MEBIBYTE,
    "output_files_max": 100,
    "log_bytes_max": 100_000,
    "printed_bytes_max": 16 * MEBIBYTE,
}
TO_OUTPUT = 'cd "$MLSPLOIT_JOB_DIR/output" && '
# In the name of every process that an attack leaves, to look for it.
TRACE = "31415926"

ATTACKS = {
    "fills the disk with files": Attack(
        f"{TO_OUTPUT} n=0; while :; do n=$(((n+1)%9)); head -c 500000 /dev/zero > $n; done",
        ("wrote more than 2097152 bytes",),
    ),
    "claims to have written a terabyte": Attack(
        f"{TO_OUTPUT} truncate -s 1T a; sleep 600", ("wrote more than 2097152 bytes",)
    ),
    "makes folders without end": Attack(
        f"{TO_OUTPUT} n=0; while mkdir $n; do n=$((n+1)); done", ("more than 100 files",)
    ),
    "a file above its folder": Attack(
        f"""{TO_OUTPUT} echo '{{"files": ["../input/attack.sh"]}}' > output.json""",
        ("lists ../input/attack.sh, which is outside output/",),
    ),
    "a link out of its folder": Attack(
        f"""{TO_OUTPUT} ln -s /etc/shadow a; echo '{{"files": ["a"]}}' > output.json""",
        ("lists a, which is not in",),
    ),
    "prints without end": Attack("exec yes", ("the log was cut here", "printed more than")),
    "ignores SIGTERM": Attack(
        f"trap '' TERM INT HUP; while :; do sleep 1.{TRACE}; done", ("time limit of 3 s",), 3
    ),
    "looks for the worker's token": Attack(
        "env; exit 6",
        ("exit code 6",),
    ),
}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("storm")
    module = make_repository(folder / "hostile", {"run.sh": RUN})
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MLSPLOIT_WORKER_TOKEN", "secret-of-the-worker")
        return asyncio.run(storm(folder, module, ATTACKS, **LIMITS))


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_fails_its_own_job_with_a_plain_reason(outcome: Outcome, name: str) -> None:
    job = outcome.attacked[name]

    assert job.status == "FAILED", job.logs
    for reason in ATTACKS[name].reasons:
        assert reason in job.logs
    assert "could not go on" not in job.logs


def test_jobs_beside_the_attacks_are_not_harmed(outcome: Outcome) -> None:
    assert [job.status for job in outcome.peaceful] == ["FINISHED"] * len(outcome.peaceful)


def test_nothing_of_an_attack_is_left(outcome: Outcome) -> None:
    assert outcome.left == []
    running = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert not [line for line in running if line[0:1] == ["sleep"] and TRACE in " ".join(line)]


def test_a_module_does_not_see_the_workers_token(outcome: Outcome) -> None:
    assert "secret-of-the-worker" not in outcome.attacked["looks for the worker's token"].logs
