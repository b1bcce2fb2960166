"""What the supervisor promises about the life and death of processes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from dev.environment import ROOT
from dev.probes import is_ready
from dev.supervisor import Interrupted, NotReadyInTime, ProcessDied
from dev.tests.conftest import MakeProcess, Supervise
from dev.waiting import eventually

NEVER_READY = "import signal; signal.pause()"
IGNORES_TERM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + NEVER_READY
FAILS = "import sys; print('no such table: runs'); sys.exit(3)"
HAS_A_CHILD = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-S", "-c", {NEVER_READY!r}])
print(child.pid, flush=True)
child.wait()
"""


def test_a_process_starts_only_when_those_it_waits_for_are_ready(
    make_process: MakeProcess, supervise: Supervise
) -> None:
    ready: list[str] = []
    second = make_process("second", waits_for=("first",))
    first = make_process("first")
    supervisor = supervise(second, first, on_ready=lambda name, _: ready.append(name))

    supervisor.start(seconds_max=20)

    assert ready == ["first", "second"]


def test_what_runs_once_is_waited_for_to_its_end(
    make_process: MakeProcess, supervise: Supervise, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    once = make_process("once", f"open({str(made)!r}, 'w').close()", ready="exit")
    after = make_process(
        "after", f"open({str(made)!r}); {NEVER_READY}", ready=f"file:{made}", waits_for=("once",)
    )
    supervisor = supervise(once, after)

    supervisor.start(seconds_max=20)
    supervisor.check()

    assert list(supervisor.pids) == ["after"]


def test_what_is_done_already_is_not_started(
    make_process: MakeProcess, supervise: Supervise
) -> None:
    once = make_process("once", FAILS, ready="exit")
    after = make_process("after", waits_for=("once",))

    supervise(once, after, done=frozenset({"once"})).start(seconds_max=20)

    assert once.pid is None


def test_a_process_that_ends_while_starting_is_named_with_its_last_words(
    make_process: MakeProcess, supervise: Supervise
) -> None:
    supervisor = supervise(make_process("runs", FAILS))

    with pytest.raises(ProcessDied, match=r"runs ended with 3\. .*\n    no such table: runs"):
        supervisor.start(seconds_max=20)


def test_a_killed_process_is_named_with_its_signal(
    make_process: MakeProcess, supervise: Supervise
) -> None:
    supervisor = supervise(make_process("files"))
    supervisor.start(seconds_max=20)

    os.kill(supervisor.pids["files"], signal.SIGKILL)

    eventually(lambda: not supervisor["files"].is_alive, "the process is gone")
    with pytest.raises(ProcessDied, match="files was killed by SIGKILL"):
        supervisor.check()


def test_what_never_gets_ready_is_named(make_process: MakeProcess, supervise: Supervise) -> None:
    supervisor = supervise(make_process("good"), make_process("slow", NEVER_READY))

    with pytest.raises(NotReadyInTime, match=r"Not ready after 2 s: slow\."):
        supervisor.start(seconds_max=2)


def test_a_kill_on_purpose_is_no_fault_and_a_restart_brings_it_back(
    make_process: MakeProcess, supervise: Supervise
) -> None:
    process = make_process("users")
    supervisor = supervise(process)
    supervisor.start(seconds_max=20)
    before = supervisor.pids

    supervisor.kill("users")
    supervisor.check()
    assert not is_ready(process.ready, process.port)
    supervisor.restart("users")

    assert is_ready(process.ready, process.port)
    assert supervisor.pids != before


def test_lower_stages_stop_first(
    make_process: MakeProcess, supervise: Supervise, tmp_path: Path
) -> None:
    order = tmp_path / "order"
    says_so = """
import pathlib, signal, sys
def end(*arguments):
    with open({order!r}, "a") as file: file.write({name!r} + " ")
    sys.exit()
signal.signal(signal.SIGTERM, end)
pathlib.Path({up!r}).touch()
signal.pause()
"""
    stages = {"database": 3, "worker": 1, "gateway": 2}
    processes = []
    for name, stage in stages.items():
        up = str(tmp_path / name)
        code = says_so.format(order=str(order), name=name, up=up)
        processes.append(make_process(name, code, ready=f"file:{up}", stop_order=stage))
    supervisor = supervise(*processes)
    supervisor.start(seconds_max=20)

    supervisor.stop()

    assert order.read_text().split() == ["worker", "gateway", "database"]


def test_a_process_that_ignores_the_signal_is_killed_when_its_time_is_up(
    make_process: MakeProcess, supervise: Supervise
) -> None:
    stubborn = make_process("stubborn", IGNORES_TERM, ready="file:/", stop_seconds=0.3)
    supervisor = supervise(stubborn)
    supervisor.start(seconds_max=20)

    supervisor.stop()

    assert not stubborn.is_alive


def test_a_second_request_to_stop_ends_all_patience(
    make_process: MakeProcess, supervise: Supervise
) -> None:
    stubborn = make_process("stubborn", IGNORES_TERM, ready="file:/", stop_seconds=3600)
    supervisor = supervise(stubborn)
    supervisor.start(seconds_max=20)

    supervisor.request_stop()
    with pytest.raises(Interrupted):
        supervisor.pause()
    supervisor.request_stop()
    supervisor.stop()

    assert not stubborn.is_alive


def test_children_of_a_process_go_with_it(make_process: MakeProcess, supervise: Supervise) -> None:
    parent = make_process("parent", HAS_A_CHILD, ready="file:/")
    supervisor = supervise(parent)
    supervisor.start(seconds_max=20)
    child = int(eventually(parent.log.read_text, "the parent has named its child"))

    supervisor.stop()

    wait_until_gone(child)


def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = f"""
import pathlib, signal
from dev.process import Process
from dev.specs import Spec
spec = Spec(name="p", command=(), ready="tcp")
argv = [{sys.executable!r}, "-S", "-c", {IGNORES_TERM!r}]
here = pathlib.Path.cwd()
process = Process(spec, argv, log=pathlib.Path({str(log)!r}), cwd=here, port=1, ready="tcp")
process.start({{}})
print(process.pid, flush=True)
signal.pause()
"""
    supervisor = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    with supervisor:
        assert supervisor.stdout is not None
        pid = int(supervisor.stdout.readline())
        assert psutil.pid_exists(pid)

        supervisor.kill()

    wait_until_gone(pid)


def wait_until_gone(pid: int) -> None:
    try:
        psutil.Process(pid).wait(timeout=10)
    except psutil.NoSuchProcess:
        return
