import hashlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from execution.claims import Claim, ClaimedJob, InputFile, Lease, ModuleVersion
from execution.failures import JobFailed
from execution.workspace import Workspace, is_plain_file, refuse_bad_inputs, remove_tree


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace(tmp_path / "job")
    workspace.make()
    return workspace


def file_of(name: str, content: bytes = b"", **tags: object) -> InputFile:
    digest = hashlib.sha256(content).hexdigest()
    return InputFile(
        id=1, url="u", name=name, blob_url="b", size=len(content), sha256=digest, tags=tags
    )


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def test_the_module_is_told_its_function_options_files_and_tags(workspace: Workspace) -> None:
    claim = Claim(
        job=ClaimedJob(id=1),
        lease=Lease(token="t", attempt=1, seconds=30),
        module=ModuleVersion(name="m", repo_url="u", commit="0" * 40),
        function="FGSM",
        options={"epsilon": 0.1},
        owner="o",
        files=[file_of("a.png", label=3), file_of("b.png")],
    )

    workspace.write_input_document(claim)

    assert json.loads((workspace.input / "input.json").read_text()) == {
        "name": "FGSM",
        "num_files": 2,
        "files": ["a.png", "b.png"],
        "options": {"epsilon": 0.1},
        "tags": [{"label": 3}, {}],
    }


async def test_an_input_counts_only_when_it_arrives_as_it_was_uploaded(
    workspace: Workspace,
) -> None:
    file = file_of("a b \N{SNOWMAN}.txt", b"hello")

    assert not await workspace.store_input(file, chunks(b"hel", b"lO"))
    assert not await workspace.store_input(file, chunks(b"hell"))
    assert await workspace.store_input(file, chunks(b"hel", b"lo"))
    assert (workspace.input / file.name).read_bytes() == b"hello"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "a\0b", "input.json"])
def test_an_input_name_that_is_no_file_name_is_refused(name: str) -> None:
    with pytest.raises(JobFailed):
        refuse_bad_inputs([file_of(name)])


def test_two_inputs_of_one_name_are_refused() -> None:
    with pytest.raises(JobFailed, match=r"two input files are named a.png"):
        refuse_bad_inputs([file_of("a.png"), file_of("a.png")])


def test_only_plain_files_inside_the_folder_count_as_output(workspace: Workspace) -> None:
    output = workspace.output
    (output / "sub").mkdir()
    (output / "sub" / "file").touch()
    (output / "link").symlink_to("/etc/passwd")
    (output / "away").symlink_to("/etc")
    os.mkfifo(output / "pipe")

    assert is_plain_file(output, "sub/file")
    for name in ("sub", "link", "away/passwd", "pipe", "missing", "sub/file/x", "n" * 5000):
        assert not is_plain_file(output, name)


def test_an_input_is_unchanged_only_while_its_bytes_are(workspace: Workspace) -> None:
    file = file_of("a.txt", b"hello")

    (workspace.input / "a.txt").write_bytes(b"hello")
    assert workspace.is_unchanged(file)
    (workspace.output / "a.txt").write_bytes(b"HELLO")
    assert not workspace.is_unchanged(file)


def test_too_many_files_or_bytes_are_refused(workspace: Workspace) -> None:
    for number in range(3):
        (workspace.output / str(number)).write_bytes(b"12345")

    workspace.refuse_too_much_output(bytes_max=15, files_max=3)
    with pytest.raises(JobFailed, match="more than 14 bytes"):
        workspace.refuse_too_much_output(bytes_max=14, files_max=3)
    with pytest.raises(JobFailed, match="more than 2 files"):
        workspace.refuse_too_much_output(bytes_max=15, files_max=2)


def test_output_json_must_be_a_plain_text_file(workspace: Workspace) -> None:
    document = workspace.output / "output.json"
    with pytest.raises(JobFailed, match=r"output.json is missing"):
        workspace.read_output_text()
    document.symlink_to("/etc/passwd")
    with pytest.raises(JobFailed, match=r"output.json is missing"):
        workspace.read_output_text()
    document.unlink()
    document.write_bytes(b"\xff")
    with pytest.raises(JobFailed, match="not UTF-8"):
        workspace.read_output_text()


def test_a_workspace_is_removed_whatever_the_module_did_to_it(workspace: Workspace) -> None:
    closed = workspace.output / "closed" / "deep"
    closed.mkdir(parents=True)
    (closed / "file").touch()
    (workspace.output / "link").symlink_to("/etc")
    for folder in (closed, closed.parent):
        folder.chmod(0)

    workspace.remove()
    remove_tree(workspace.root)

    assert not workspace.root.exists()
    assert Path("/etc").is_dir()
