"""The Docker runner against a real engine; skipped, with the reason, where there is none."""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from docker.types import Mount

from execution.failures import JobFailed
from execution.runners.docker import LABEL
from execution.runners.images import image_name
from execution.runners.sandbox import UNPRIVILEGED
from execution.testing.docker_bench import Bench
from execution.testing.engine import DOCKERFILE, WHY_NOT
from execution.testing.waiting import eventually

SOMEBODY = 65534
# The gateway of the route without a destination is the machine that runs the build.
WAIT_FOR_THE_TEST = """
import socket, sys
routes = [line.split() for line in open("/proc/net/route")]
[gateway] = [route[2] for route in routes if route[1] == "00000000"]
address = ".".join(str(byte) for byte in reversed(bytes.fromhex(gateway)))
socket.create_connection((address, int(sys.argv[1]))).recv(1)
"""
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Unlike pytest's own, one that another user can reach."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@contextmanager
def as_somebody(folder: Path) -> Iterator[None]:
    """Goes on as a user who is not root but may use the engine, and whose folder this is."""
    group = os.stat("/var/run/docker.sock").st_gid
    for path in (folder, *folder.rglob("*")):
        os.chown(path, SOMEBODY, group, follow_symlinks=False)
    os.setegid(group)
    os.seteuid(SOMEBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


async def test_a_module_runs_in_its_own_image_without_a_network(bench: Bench) -> None:
    runner = await bench.start_runner()
    run = (
        "cat /mnt/input/a; ls /sys/class/net; echo out > /mnt/output/b; touch /mnt/input/no; exit 3"
    )
    module = bench.module(run)
    (bench.workspace.input / "a").write_text("hello\n")

    await runner.prepare(module, bench.said.extend)
    bench.said.clear()
    code = await runner.run(module, bench.workspace, bench.said.extend)

    assert code == 3
    assert {b"hello", b"lo"} <= set(bytes(bench.said).splitlines())
    assert b"Read-only file system" in bench.said
    assert (bench.workspace.output / "b").read_text() == "out\n"
    assert bench.containers == []


async def test_a_cancelled_job_leaves_no_container(bench: Bench) -> None:
    runner = await bench.start_runner()
    module = bench.module("echo started; exec sleep 600")
    await runner.prepare(module, bench.said.extend)
    bench.said.clear()

    running = asyncio.create_task(runner.run(module, bench.workspace, bench.said.extend))
    await eventually(lambda: b"started" in bench.said)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert bench.containers == []


async def test_a_broken_dockerfile_fails_the_job_with_its_own_words(bench: Bench) -> None:
    runner = await bench.start_runner()
    module = bench.module("true", DOCKERFILE + "RUN echo oh no && exit 7\n")

    with pytest.raises(JobFailed, match="7"):
        await runner.prepare(module, bench.said.extend)

    assert b"oh no" in bench.said


async def test_a_silent_build_keeps_no_canceled_job_waiting_and_still_serves_the_next(
    bench: Bench, tmp_path: Path
) -> None:
    """The step waits for the test, through a port: a build sees nothing else of this machine."""
    runner = await bench.start_runner()
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def hold(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.set()
        await go_on.wait()
        writer.close()

    server = await asyncio.start_server(hold, "0.0.0.0", 0)
    port = server.sockets[0].getsockname()[1]
    step = f"RUN python3 wait.py {port}\n"
    module = bench.module("echo ran", DOCKERFILE + step, **{"wait.py": WAIT_FOR_THE_TEST})

    first = asyncio.create_task(runner.prepare(module, bench.said.extend))
    await asyncio.wait_for(reached.wait(), timeout=60)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    second = asyncio.create_task(runner.prepare(module, bench.said.extend))
    go_on.set()
    await second

    assert bench.said.count(b"mlsploit: building") == 1
    assert await runner.run(module, bench.workspace, bench.said.extend) == 0
    server.close()
    await server.wait_closed()


async def test_a_module_that_wants_too_much_memory_fails_with_that_reason(bench: Bench) -> None:
    bench.settings = bench.settings.model_copy(update={"docker_memory_bytes_max": 64 * 1024**2})
    runner = await bench.start_runner()
    module = bench.module("exec python3 -c 'bytearray(512 * 1024 ** 2)'")
    await runner.prepare(module, bench.said.extend)

    with pytest.raises(JobFailed, match="more memory than it may have"):
        await runner.run(module, bench.workspace, bench.said.extend)

    assert bench.containers == []


async def test_an_image_with_a_user_of_its_own_can_write_its_output(bench: Bench) -> None:
    runner = await bench.start_runner()
    module = bench.module("id -u > /mnt/output/who", DOCKERFILE + "USER 12345\n")
    await runner.prepare(module, bench.said.extend)

    assert await runner.run(module, bench.workspace, bench.said.extend) == 0
    assert (bench.workspace.output / "who").read_text() == "12345\n"


async def test_a_worker_that_is_not_root_reads_and_removes_what_root_wrote(
    open_folder: Path,
) -> None:
    bench = Bench(open_folder)
    runner = await bench.start_runner()
    folder = "/mnt/output/of root"
    run = f"umask 077; mkdir '{folder}'; echo secret > '{folder}/a'; chmod 500 '{folder}'"
    module = bench.module(run)
    await runner.prepare(module, bench.said.extend)

    with as_somebody(open_folder):
        assert await runner.run(module, bench.workspace, bench.said.extend) == 0
        assert (bench.workspace.output / "of root" / "a").read_text() == "secret\n"
        bench.workspace.remove()

    assert not bench.workspace.root.exists()
    await bench.clear()


async def test_what_a_killed_worker_that_is_not_root_left_can_be_removed(
    open_folder: Path,
) -> None:
    """Its container is the last thing that it would have removed, and says who wrote there."""
    bench = Bench(open_folder)
    runner = await bench.start_runner()
    secret = (
        "umask 077; mkdir -p /mnt/output/d/e; echo > /mnt/output/d/e/f; chmod 500 /mnt/output/d"
    )
    module = bench.module(secret)
    await runner.prepare(module, bench.said.extend)
    bench.workspace.output.chmod(0o777)

    with as_somebody(open_folder):
        left = bench.engine.containers.create(
            image_name(module),
            user=UNPRIVILEGED,
            mounts=[Mount("/mnt/output", str(bench.workspace.output), type="bind")],
            labels={LABEL: str(bench.settings.folder)},
        )
        left.start()
        left.wait()
        with pytest.raises(PermissionError):
            os.listdir(bench.workspace.output / "d" / "e")
        await bench.start_runner()
        bench.workspace.remove()

    assert not bench.workspace.root.exists()
    assert bench.containers == []
    await bench.clear()


async def test_what_a_killed_worker_left_is_removed_at_the_next_start(bench: Bench) -> None:
    await bench.start_runner()
    bench.engine.containers.create(
        "python:3.11-slim", "sleep 600", labels={LABEL: str(bench.settings.folder)}
    ).start()
    assert len(bench.containers) == 1

    await bench.start_runner()

    assert bench.containers == []
