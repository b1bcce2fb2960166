"""The example modules as repositories: same content, same commit, and no commit is ever lost."""

import subprocess
from pathlib import Path

from dev.example_modules import publish


def test_the_same_content_gives_the_same_commit_everywhere(tmp_path: Path) -> None:
    first = publish(a_module(tmp_path / "one" / "module", "echo hello"), tmp_path / "a.git")
    again = publish(tmp_path / "one" / "module", tmp_path / "a.git")
    elsewhere = publish(a_module(tmp_path / "two" / "module", "echo hello"), tmp_path / "b.git")

    assert first == again == elsewhere


def test_a_commit_stays_fetchable_when_the_content_has_changed(tmp_path: Path) -> None:
    module, repository = tmp_path / "module", tmp_path / "module.git"
    old = publish(a_module(module, "echo old"), repository)
    new = publish(a_module(module, "echo new"), repository)
    clone = tmp_path / "clone"

    git("clone", "--quiet", "--depth=1", repository.as_uri(), str(clone))
    assert git("-C", str(clone), "rev-parse", "HEAD") == new
    git("-C", str(clone), "fetch", "--quiet", "--depth=1", "origin", old)

    assert git("-C", str(clone), "show", f"{old}:run.sh") == "echo old"


def test_what_tools_leave_behind_is_not_published(tmp_path: Path) -> None:
    module = a_module(tmp_path / "module", "echo hello")
    clean = publish(module, tmp_path / "module.git")
    (module / "__pycache__").mkdir()
    (module / "__pycache__" / "run.cpython-311.pyc").touch()

    assert publish(module, tmp_path / "module.git") == clean


def a_module(folder: Path, script: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.sh").write_text(script)
    return folder


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], check=True, capture_output=True, text=True)
    return done.stdout.strip()
