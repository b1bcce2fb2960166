"""A job that does what it can to harm its worker fails alone, with a plain reason."""

import os
from pathlib import Path

import pytest

from execution.testing.gateway import GatewayStandIn
from execution.testing.waiting import eventually
from execution.tests.conftest import MakeModule, Work
from execution.workspace import remove_tree

NOTHING = """echo '{"files": [], "tags": []}' > "$MLSPLOIT_JOB_DIR/output/output.json"\n"""
LISTED = """echo '{"files": ["a"]}' > output.json\n"""
DEEPER_THAN_PYTHON = 1200

POISONS = {
    "a signal ends it": ("sh -c 'kill -9 $$'; exit $?", "exit code 137"),
    "it leaves many processes behind": (
        "for n in $(seq 50); do (setsid sleep 600 &) ; done; exit 5",
        "exit code 5",
    ),
    "a link out of the folder": (f"ln -s /etc/passwd a; {LISTED}", "lists a, which is not in"),
    "a folder that is a link": (
        """ln -s /etc d; echo '{"files": ["d/passwd"]}' > output.json""",
        "lists d/passwd, which is not in",
    ),
    "a result that is a link": ("ln -s /etc/passwd output.json", "output.json is missing"),
    "a pipe that nobody fills": (f"mkfifo a; {LISTED}", "lists a, which is not in"),
    "a result that is a pipe": ("mkfifo output.json", "output.json is missing"),
    "a result of many megabytes": (
        "head -c 20000000 /dev/zero > output.json",
        "output.json is larger than",
    ),
    "a result that is no text": (r"printf '\377\376' > output.json", "output.json is not UTF-8"),
    "a result without end": (
        "python -c 'print(\"[\" * 100000)' > output.json",
        "output.json is not JSON",
    ),
    "a name that is no text": (
        r"""printf '{"files": ["\\ud800"]}' > output.json""",
        "output.json lists ?, which is not in",
    ),
    "folders without end": (
        f"for n in $(seq {DEEPER_THAN_PYTHON}); do mkdir d; cd d; done; echo",
        "nested its folders too deeply",
    ),
    "its output replaced": (
        "cd ..; rm -rf output/* ; mv output gone; ln -s /etc output; test -L output || exit 1",
        "replaced its folder output/",
    ),
    "folders that cannot be read": ("mkdir -p d/e; touch d/e/f; chmod 0 d/e d; exit 4", "code 4"),
}


@pytest.mark.attack
@pytest.mark.parametrize(("run", "reason"), POISONS.values(), ids=POISONS.keys())
async def test_a_poisoned_job_fails_alone_and_leaves_nothing(
    work: Work, gateway: GatewayStandIn, make_module: MakeModule, run: str, reason: str
) -> None:
    poison = gateway.register(make_module(f'cd "$MLSPLOIT_JOB_DIR/output"; {run}', name="poison"))
    cure = gateway.register(make_module(NOTHING, name="cure"))
    poisoned, healthy = gateway.add_job(poison, "Harm"), gateway.add_job(cure, "Nothing")

    async with work(jobs=1) as worker:
        await worker.announce(poisoned)
        await eventually(lambda: poisoned.is_over)
        await worker.announce(healthy)
        await eventually(lambda: healthy.is_over)
        await eventually(lambda: not list(worker.jobs_folder.iterdir()))

    assert poisoned.status == "FAILED"
    assert reason in poisoned.logs
    assert healthy.status == "FINISHED", healthy.logs


@pytest.mark.attack
async def test_a_job_ends_before_the_workers_disk_is_full(
    work: Work, gateway: GatewayStandIn, make_module: MakeModule
) -> None:
    """Whatever fills it: a file that is removed while it is written shows in no listing."""
    hidden = "exec 3> output/a; rm output/a; while :; do echo x >&3; done"
    module = gateway.register(make_module(f'cd "$MLSPLOIT_JOB_DIR"; {hidden}'))
    job = gateway.add_job(module, "Harm")

    async with work(disk_free_bytes_min=2**62) as worker:
        await worker.announce(job)
        await eventually(lambda: job.is_over)

    assert job.status == "FAILED"
    assert f"the worker's disk is full: less than {2**62} bytes are free" in job.logs


def test_a_tree_deeper_than_python_can_follow_is_removed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    here = os.getcwd()
    try:
        os.chdir(root)
        for _ in range(DEEPER_THAN_PYTHON):
            os.mkdir("d")
            os.chdir("d")
        Path("a").touch(mode=0o400)
        os.chdir("..")
        os.chmod("d", 0o500)
    finally:
        os.chdir(here)

    remove_tree(root)

    assert not root.exists()
