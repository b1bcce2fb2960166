"""Git repositories of modules, made for one test."""

import subprocess
from pathlib import Path

from execution.claims import ModuleVersion
from execution.contents import ContentLimits

# What an ordinary module's checkout may take.
LIMITS = ContentLimits(seconds_max=60, bytes_max=64 * 1024 * 1024, files_max=1000)
AUTHOR = ("-c", "user.name=A", "-c", "user.email=a@example.org")


def make_repository(folder: Path, files: dict[str, str]) -> ModuleVersion:
    """The module at the commit that these files make; in an old folder, a further commit."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content)
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    return commit_of(folder)


def commit_of(folder: Path) -> ModuleVersion:
    """What was added to this repository, as a commit."""
    git(folder, *AUTHOR, "commit", "--quiet", "--message", "A")
    commit = git(folder, "rev-parse", "HEAD")
    return ModuleVersion(name=folder.name, repo_url=f"file://{folder}", commit=commit)


def git(folder: Path, *arguments: str, given: str = "") -> str:
    command = ["git", "-C", str(folder), *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, input=given)  # noqa: S603
    return done.stdout.strip()
