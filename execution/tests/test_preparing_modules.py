import asyncio
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from execution.checkout import Checkouts
from execution.claims import ModuleVersion
from execution.environments import MARKER, Environments
from execution.failures import JobFailed
from execution.testing.repositories import LIMITS, git, make_repository
from execution.tests.conftest import MakeModule


@pytest.fixture
def checkouts(tmp_path: Path) -> Checkouts:
    checkouts = Checkouts(tmp_path / "checkouts", LIMITS, kept_max=9)
    checkouts.clear_leftovers()
    return checkouts


@pytest.fixture
def environments(tmp_path: Path) -> Environments:
    environments = Environments(tmp_path / "environments", seconds_max=120, kept_max=9)
    environments.clear_leftovers()
    return environments


def ignore(_: bytes) -> None:
    return


async def test_each_commit_is_checked_out_as_it_was(checkouts: Checkouts, tmp_path: Path) -> None:
    first = make_repository(tmp_path / "sample", {"run.sh": "first"})
    second = make_repository(tmp_path / "sample", {"run.sh": "second"})

    for module, content in ((first, "first"), (second, "second")):
        path = await checkouts.prepare(module, ignore)
        assert (path / "run.sh").read_text() == content


async def test_a_commit_on_a_branch_of_a_local_path_is_found(
    checkouts: Checkouts, tmp_path: Path
) -> None:
    make_repository(tmp_path / "sample", {"run.sh": "main"})
    git(tmp_path / "sample", "switch", "--quiet", "--create", "side")
    module = make_repository(tmp_path / "sample", {"run.sh": "side"})
    git(tmp_path / "sample", "switch", "--quiet", "-")

    path = await checkouts.prepare(
        module.model_copy(update={"repo_url": str(tmp_path / "sample")}), ignore
    )

    assert (path / "run.sh").read_text() == "side"


async def test_two_who_ask_at_once_get_one_checkout(
    checkouts: Checkouts, make_module: MakeModule
) -> None:
    module = make_module("true")
    said: list[bytes] = []

    paths = await asyncio.gather(*(checkouts.prepare(module, said.append) for _ in range(3)))

    assert len(set(paths)) == 1
    assert len(said) == 1


async def test_a_commit_that_is_gone_fails_with_gits_reason(
    checkouts: Checkouts, make_module: MakeModule, tmp_path: Path
) -> None:
    gone = make_module("true").model_copy(update={"commit": "0" * 40})

    with pytest.raises(JobFailed, match="git checkout ended with 128"):
        await checkouts.prepare(gone, ignore)

    assert list((tmp_path / "checkouts").iterdir()) == []


@pytest.mark.parametrize("url", ["ext::sh -c date% >&2", "--upload-pack=date", "http://h.invalid/"])
async def test_an_address_that_could_run_a_command_is_refused(
    checkouts: Checkouts, url: str
) -> None:
    module = ModuleVersion(name="evil", repo_url=url, commit="0" * 40)

    with pytest.raises(JobFailed, match="git fetch ended with"):
        await checkouts.prepare(module, ignore)


async def test_a_fetch_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    checkouts = Checkouts(tmp_path / "checkouts", replace(LIMITS, seconds_max=0.5), kept_max=9)
    checkouts.clear_leftovers()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/a"
        module = ModuleVersion(name="slow", repo_url=url, commit="0" * 40)

        with pytest.raises(JobFailed, match=r"fetching slow at 0000000000 took more than 0.5 s"):
            await checkouts.prepare(module, ignore)


async def test_an_environment_is_made_once_per_commit(
    environments: Environments, make_module: MakeModule, tmp_path: Path
) -> None:
    module = make_module("true", requirements__txt="# nothing\n\n")
    said: list[bytes] = []

    for _ in range(2):
        await environments.prepare(module, tmp_path, said.append)

    assert len(said) == 1
    assert (environments.path(module) / "bin" / "python").exists()


async def test_requirements_are_installed_and_may_lie_in_the_module(
    environments: Environments, tmp_path: Path, make_module: MakeModule
) -> None:
    package = tmp_path / "checkout" / "package"
    package.mkdir(parents=True)
    (package / "greeting.py").write_text("WORD = 'hi'\n")
    (package / "pyproject.toml").write_text(
        '[project]\nname = "greeting"\nversion = "1"\n'
        "[build-system]\nrequires = []\n"
        'build-backend = "backend"\nbackend-path = ["."]\n'
    )
    (package / "backend.py").write_text(BACKEND)
    (tmp_path / "checkout" / "requirements.txt").write_text("./package\n")
    module = make_module("true")

    await environments.prepare(module, tmp_path / "checkout", ignore)

    python = environments.path(module) / "bin" / "python"
    process = await asyncio.create_subprocess_exec(
        python, "-c", "import greeting; print(greeting.WORD)", stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert said == b"hi\n"


async def test_requirements_that_cannot_be_installed_fail_with_pips_reason(
    environments: Environments, tmp_path: Path, make_module: MakeModule
) -> None:
    (tmp_path / "requirements.txt").write_text("not a requirement !!\n")
    module, said = make_module("true"), bytearray()

    with pytest.raises(JobFailed, match="making the environment failed with exit code 1"):
        await environments.prepare(module, tmp_path, said.extend)

    assert b"Invalid requirement" in said
    assert not (environments.path(module) / MARKER).exists()


async def test_what_a_killed_worker_had_begun_is_not_taken_for_whole(
    environments: Environments, checkouts: Checkouts, make_module: MakeModule, tmp_path: Path
) -> None:
    module = make_module("true")
    (environments.path(module) / "bin").mkdir(parents=True)
    (tmp_path / "checkouts" / "making-1").mkdir()

    environments.clear_leftovers()
    checkouts.clear_leftovers()

    assert not environments.path(module).exists()
    assert list((tmp_path / "checkouts").iterdir()) == []


# The smallest build backend: no test may need the network.
BACKEND = """
import pathlib, zipfile
def build_wheel(folder, config_settings=None, metadata_directory=None):
    name = "greeting-1-py3-none-any.whl"
    info = "greeting-1.dist-info"
    with zipfile.ZipFile(pathlib.Path(folder, name), "w") as wheel:
        wheel.write("greeting.py")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: greeting\\nVersion: 1")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""
