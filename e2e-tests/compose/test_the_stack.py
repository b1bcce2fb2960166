"""`docker compose up` gives the whole system, from this repository's unmodified files."""

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from contract.suite import Case, Options, Suite, load_cases

from compose.commands import docker
from compose.project import ComposeProject
from dev.environment import ROOT

CASES = {case["name"]: case for case in load_cases()}
SERVICES = ("users", "files", "modules", "pipelines", "runs", "portal")
# The first test of the session builds every image.
pytestmark = pytest.mark.timeout(1500)


def test_every_service_is_ready_once_compose_says_so(project: ComposeProject) -> None:
    answer = httpx.get(f"{project.url}/healthz")

    assert answer.status_code == 200, answer.text
    assert set(answer.json()["services"]) == {"users", "files", "modules", "pipelines", "runs"}


@pytest.mark.parametrize("name", CASES)
def test_the_recorded_behaviour_holds_in_containers(
    name: str, project: ComposeProject, admin_token: str
) -> None:
    with Suite(project.url, admin_token, Options()) as playing:
        assert differences(playing, CASES[name]) == []


def test_the_demo_runs_its_modules_in_containers(project: ComposeProject, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "examples.demo", "--url", project.url, "--out", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("FINISHED") == 5
    assert list(tmp_path.glob("*.png"))


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_is_root_nor_writes_to_its_own_files(
    service: str, project: ComposeProject
) -> None:
    [container, *_] = project.containers(service)
    write = 'touch /app/x 2>/dev/null && echo written; touch "$HOME/x" 2>/dev/null && echo written'

    assert docker("exec", container, "id", "-u").strip() == "10001"
    assert docker("exec", container, "sh", "-c", f"{write}; true") == ""


@pytest.mark.parametrize("service", [*SERVICES, "execution"])
def test_no_image_has_tools_to_build_or_install_with(service: str, project: ComposeProject) -> None:
    [container, *_] = project.containers(service)
    search = "command -v gcc make; python -c 'import pip'"

    assert docker("exec", container, "sh", "-c", f"{search} 2>&1; true").splitlines()[-1:] == [
        "ModuleNotFoundError: No module named 'pip'"
    ]


def test_no_role_of_the_database_reaches_anothers(project: ComposeProject) -> None:
    [postgres] = project.containers("postgres")
    query = (
        "SELECT r.rolname, d.datname FROM pg_roles r, pg_database d "
        "WHERE r.rolcanlogin AND NOT r.rolsuper AND NOT d.datistemplate "
        "AND d.datname <> 'postgres' AND has_database_privilege(r.oid, d.oid, 'CONNECT')"
    )
    rows = docker("exec", postgres, "psql", "--username=postgres", "-At", "--command", query)

    assert sorted(rows.split()) == [f"{s}|{s}" for s in sorted(SERVICES) if s != "portal"]


def differences(playing: Suite, case: Case) -> list[str]:
    assert playing.absent_modules(case) == []
    return [outcome.describe() for outcome in playing.play(case) if outcome.problems]
