"""Images of modules: built once for all who want them, within limits, and not kept for ever."""

import asyncio
import re
from pathlib import Path

import pytest
from docker.errors import ImageNotFound

from execution.claims import ModuleVersion
from execution.failures import JobFailed
from execution.runners import images
from execution.runners.build_turns import HOLDER
from execution.runners.docker import LABEL
from execution.runners.images import image_name
from execution.testing.docker_bench import Bench
from execution.testing.engine import DOCKERFILE, WHY_NOT
from execution.testing.waiting import eventually

pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)

MEBIBYTE = 1024 * 1024


def has(bench: Bench, name: str) -> bool:
    try:
        bench.engine.images.get(name)
    except ImageNotFound:
        return False
    return True


async def test_two_workers_who_want_an_image_at_once_build_it_once(
    bench: Bench, tmp_path: Path
) -> None:
    other = Bench(tmp_path / "other")
    module = bench.module("exit 3", f"{DOCKERFILE}RUN sleep 1\n")
    runners = [await bench.start_runner(), await other.start_runner()]

    await asyncio.gather(
        runners[0].prepare(module, bench.said.extend), runners[1].prepare(module, other.said.extend)
    )

    assert (bench.said + other.said).count(b"building the image") == 1
    assert await runners[0].run(module, bench.workspace, bench.said.extend) == 3
    assert await runners[1].run(module, other.workspace, other.said.extend) == 3
    await other.clear()


async def test_a_killed_worker_holds_up_no_build_after_its_next_start(bench: Bench) -> None:
    module = bench.module("true")
    turn = f"mlsploit-build-{image_name(module).partition(':')[2]}"
    labels = {LABEL: str(bench.settings.folder), HOLDER: "a process that is gone"}
    bench.engine.volumes.create(turn, labels=labels)

    runner = await bench.start_runner()
    await runner.prepare(module, bench.said.extend)

    assert has(bench, image_name(module))
    assert not bench.engine.volumes.list(filters={"name": turn})


async def test_the_image_goes_that_was_not_used_for_longest_but_none_that_runs(
    monkeypatch: pytest.MonkeyPatch, bench: Bench
) -> None:
    # Of its own: others may be running tests on this engine.
    monkeypatch.setattr(images, "REPOSITORY", "mlsploit-module-of-this-test")
    bench.settings = bench.settings.model_copy(update={"versions_kept_max": 1})
    runner = await bench.start_runner()

    async def prepared(run: str) -> ModuleVersion:
        module = bench.module(run)
        await runner.prepare(module, bench.said.extend)
        return module

    first = await prepared("echo up; exec sleep 600")
    bench.said.clear()
    running = asyncio.create_task(runner.run(first, bench.workspace, bench.said.extend))
    await eventually(lambda: b"up" in bench.said)
    second, third = await prepared("true"), await prepared("false")

    there = [has(bench, image_name(module)) for module in (first, second, third)]
    assert there == [True, False, True]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


@pytest.mark.attack
async def test_a_build_that_eats_memory_fails_and_leaves_no_layers(bench: Bench) -> None:
    limit = {"docker_build_memory_bytes_max": 64 * MEBIBYTE}
    bench.settings = bench.settings.model_copy(update=limit)
    runner = await bench.start_runner()
    eat = "RUN echo layer > /layer\nRUN python3 -c 'bytearray(1 << 30)'\n"
    module = bench.module("true", DOCKERFILE + eat)

    with pytest.raises(JobFailed, match="building the image failed"):
        await runner.prepare(module, bench.said.extend)

    assert not has(bench, image_name(module))
    layers = re.findall(r" ---> ([0-9a-f]{12})\n", bench.said.decode())
    assert len(layers) >= 4
    assert [layer for layer in layers if has(bench, layer)] == layers[:1]


@pytest.mark.attack
async def test_an_image_that_is_too_large_is_not_kept(bench: Bench) -> None:
    small = {"docker_image_bytes_max": MEBIBYTE}
    bench.settings = bench.settings.model_copy(update=small)
    runner = await bench.start_runner()
    module = bench.module("true")

    with pytest.raises(JobFailed, match=f"the image is larger than {MEBIBYTE} bytes"):
        await runner.prepare(module, bench.said.extend)

    assert not has(bench, image_name(module))


@pytest.mark.attack
async def test_patterns_that_take_for_ever_to_match_end_their_own_build(bench: Bench) -> None:
    bench.settings = bench.settings.model_copy(update={"checkout_seconds_max": 3})
    runner = await bench.start_runner()
    files = {".dockerignore": "*a" * 12 + "b", "a" * 60: "x"}
    module = bench.module("true", **files)

    with pytest.raises(JobFailed, match="packing the checkout took more than 3 s"):
        await runner.prepare(module, bench.said.extend)


async def test_what_is_asked_for_and_granted_is_given_and_what_is_not_is_told(
    bench: Bench,
) -> None:
    granted = {"docker_network_modules": "sample", "docker_root_modules": "*"}
    bench.settings = bench.settings.model_copy(update=granted)
    runner = await bench.start_runner()
    label = 'LABEL mlsploit.needs="network root gpu"\n'
    files = {".dockerignore": "# none\nsecret*\n", "secret.txt": "x"}
    module = bench.module("ls /sys/class/net; id -u; ls secret*", DOCKERFILE + label, **files)
    await runner.prepare(module, bench.said.extend)
    bench.said.clear()

    assert await runner.run(module, bench.workspace, bench.said.extend) == 2

    assert {b"eth0", b"0"} <= set(bytes(bench.said).splitlines())
    assert b"asks for gpu, which the operator has not granted" in bench.said
