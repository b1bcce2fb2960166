"""Gives a new system its administrator, its worker's token and the example modules.

Runs as a process of its own, once per change, through the same commands that an administrator
types. What was done is kept in `seed.json`, so that a later start costs nothing.
Invariant: nothing is undone or done twice: a module that the operator removed stays removed.
"""

import base64
import hashlib
import io
import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import asdict, dataclass, field
from pathlib import Path

import manage
from dev import example_modules
from dev.environment import data_dir_of, fresh_secret, write_private

ADMIN = "admin"
TOKEN_LIFE_LEFT_SECONDS_MIN = 7 * 24 * 3600


@dataclass
class Seeded:
    """What is already in the databases, and the secret that the token was signed with."""

    secret: str = ""
    has_admin: bool = False
    modules: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, data_dir: Path, settings: Mapping[str, str]) -> "Seeded":
        try:
            seeded = cls(**json.loads((data_dir / "seed.json").read_text()))
        except (OSError, ValueError, TypeError):
            seeded = cls()
        # A database that was thrown away is filled again; one on a server is not ours to judge.
        if not (data_dir / "users").exists() and not settings.get("MLSPLOIT_USERS_DATABASE_URL"):
            seeded.has_admin, seeded.secret = False, ""
        if not (data_dir / "modules").exists() and not settings.get(
            "MLSPLOIT_MODULES_DATABASE_URL"
        ):
            seeded.modules = {}
        return seeded

    def write(self, data_dir: Path) -> None:
        write_private(data_dir / "seed.json", json.dumps(asdict(self)))


@dataclass(frozen=True)
class Plan:
    """What a system should hold, and what of it is missing."""

    data_dir: Path
    worker_dir: Path
    secret: str
    worker_token: str
    commits: dict[str, str]
    seeded: Seeded

    @classmethod
    def make(cls, settings: Mapping[str, str]) -> "Plan":
        data_dir = data_dir_of(settings)
        key = settings.get("MLSPLOIT_API_SECRET_KEY", "")
        return cls(
            data_dir=data_dir,
            worker_dir=Path(settings.get("MLSPLOIT_WORKER_DIR") or data_dir / "execution"),
            secret=hashlib.sha256(key.encode()).hexdigest(),
            worker_token=settings.get("MLSPLOIT_WORKER_TOKEN", ""),
            commits=_publish_examples(data_dir),
            seeded=Seeded.read(data_dir, settings),
        )

    @property
    def token_file(self) -> Path:
        return self.worker_dir / "token"

    @property
    def needs_token(self) -> bool:
        if self.worker_token:
            return False
        return self.seeded.secret != self.secret or not _is_fresh(self.token_file)

    @property
    def is_done(self) -> bool:
        has_modules = self.seeded.modules == self.commits
        return self.seeded.has_admin and not self.needs_token and has_modules


def repository_of(data_dir: Path, name: str) -> Path:
    return data_dir / "example-modules" / name


def carry_out(plan: Plan) -> None:
    """Do what is missing, noting each thing as it is done."""
    plan.worker_dir.mkdir(parents=True, exist_ok=True)
    if not plan.seeded.has_admin:
        _create_admin(plan.data_dir)
        plan.seeded.has_admin = True
        plan.seeded.write(plan.data_dir)
    if plan.needs_token:
        write_private(plan.token_file, _command("createworkertoken", ADMIN))
        plan.seeded.secret = plan.secret
        plan.seeded.write(plan.data_dir)
    for name, commit in plan.commits.items():
        if plan.seeded.modules.get(name) != commit:
            _register(plan, name)
            plan.seeded.modules[name] = commit
            plan.seeded.write(plan.data_dir)


def _publish_examples(data_dir: Path) -> dict[str, str]:
    folders = {name: example_modules.EXAMPLES / name for name in example_modules.REGISTERED}
    return {
        name: example_modules.publish(folder, repository_of(data_dir, name))
        for name, folder in folders.items()
    }


def _create_admin(data_dir: Path) -> None:
    if "MLSPLOIT_SUPERUSER_PASSWORD" not in os.environ:
        password = fresh_secret()
        write_private(data_dir / "admin-password", password + "\n")
        os.environ["MLSPLOIT_SUPERUSER_PASSWORD"] = password
    if not _succeeds("checkuserexists", ADMIN):
        _command("createsuperuser", "--username", ADMIN, "--no-input")


def _register(plan: Plan, name: str) -> None:
    if name in plan.seeded.modules:
        if not _succeeds("updatemodule", name):
            print(f"The module {name} is not updated: the operator has removed or changed it.")
        return
    url = repository_of(plan.data_dir, name).as_uri()
    _command("createmodule", name, url, "-b", example_modules.BRANCH)


def _succeeds(command: str, *arguments: str) -> bool:
    return manage.run([command, *arguments]) == 0


def _command(command: str, *arguments: str) -> str:
    said = io.StringIO()
    with redirect_stdout(said):
        code = manage.run([command, *arguments])
    if code != 0:
        raise SystemExit(f"{command} failed with {code}: {said.getvalue().strip()}")
    return said.getvalue().strip()


def _is_fresh(token_file: Path) -> bool:
    """Whether the token has a while to live; only its own words are asked, not its signature."""
    try:
        body = token_file.read_text().split(".")[1]
        expires_at = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["exp"]
    except (OSError, ValueError, LookupError):
        return False
    return float(expires_at) - time.time() > TOKEN_LIFE_LEFT_SECONDS_MIN


if __name__ == "__main__":
    carry_out(Plan.make(os.environ))
    sys.exit(0)
