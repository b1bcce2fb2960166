"""Makes git repositories of the example modules, as if somebody had published them.

Invariant: the same content gives the same commit on every machine and every day, and a commit that
a run was made with stays fetchable after the content has changed.
"""

import os
import subprocess
from pathlib import Path

from dev.environment import ROOT

EXAMPLES = ROOT / "examples" / "modules"
REGISTERED = ("helloworld", "digits")
BRANCH = "main"
IGNORED = "__pycache__/\n*.pyc\n.pytest_cache/\n.mypy_cache/\n.ruff_cache/\n"

SIGNATURE = {
    f"GIT_{role}_{field}": value
    for role in ("AUTHOR", "COMMITTER")
    for field, value in (
        ("NAME", "MLsploit"),
        ("EMAIL", "mlsploit@example.org"),
        ("DATE", "2026-01-01T00:00:00+0000"),
    )
}


def publish(content: Path, repository: Path) -> str:
    """Commit the folder's content to the branch of a bare repository; returns the commit."""
    if not (repository / "HEAD").exists():
        repository.parent.mkdir(parents=True, exist_ok=True)
        _git("init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(repository))
        _git("config", "uploadpack.allowAnySHA1InWant", "true", repository=repository)
        (repository / "info").mkdir(exist_ok=True)
        (repository / "info" / "exclude").write_text(IGNORED)
    _git("read-tree", "--empty", repository=repository, content=content)
    _git("add", "--all", ".", repository=repository, content=content)
    tree = _git("write-tree", repository=repository, content=content)
    commit = _git("commit-tree", tree, "-m", f"Publish {content.name}", repository=repository)
    _git("update-ref", f"refs/heads/{BRANCH}", commit, repository=repository)
    # Without a parent the old commit would be garbage, and runs pinned to it would be lost.
    _git("update-ref", f"refs/published/{commit}", commit, repository=repository)
    return commit


def _git(*arguments: str, repository: Path | None = None, content: Path | None = None) -> str:
    environ = (
        os.environ | SIGNATURE | {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
    )
    if repository is not None:
        environ["GIT_DIR"] = str(repository)
    if content is not None:
        environ["GIT_WORK_TREE"] = str(content)
    done = subprocess.run(
        ["git", *arguments],
        cwd=content,
        env=environ,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()
