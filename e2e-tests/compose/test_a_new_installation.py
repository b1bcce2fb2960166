"""The three scripts make a system from a fresh copy, here one that ends TLS by itself.

It is gone before the other tests start theirs.
"""

import re
import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import httpx
import pytest
from harness.people import People, Person, step

from compose.certificates import issue
from compose.commands import IMAGES
from compose.installation import Installation
from dev.example_modules import EXAMPLES
from dev.ports import free_ports

HOST = "localhost"
REPLICAS = 3
START = ("./docker-start-api.sh", "--detach", f"--scale=runs={REPLICAS}")
HELLOWORLD = EXAMPLES / "helloworld"
SERVING = ("gateway", "portal", "users", "files", "modules", "pipelines", "runs")
# As docker-manage-api.sh takes them, one for each that asks nothing.
COMMANDS = (
    "checkuserexists admin",
    "listusers",
    "createuser --username grace --password a-good-one",
    "createworkertoken admin",
    "checkblobs",
    "listmodules",
    "updatemodule helloworld",
    "listruns",
    "deadletters runs",
    "replaydead runs",
    "auditlog modules",
)
pytestmark = pytest.mark.timeout(1800)


@dataclass(frozen=True)
class Site:
    """What an operator has after installing."""

    installation: Installation
    said: str
    https: int
    http: int
    authority: Path

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.https}"

    def people(self) -> People:
        return People(self.url, trust=ssl.create_default_context(cafile=self.authority))

    def manage(self, command: str) -> str:
        return self.installation.runs("./docker-manage-api.sh", *command.split())

    def serving(self) -> set[str]:
        """The containers that clients are answered by."""
        printed = self.installation.runs("docker", "compose", "ps", "--quiet", *SERVING)
        return set(re.findall(r"^[0-9a-f]{64}$", printed, re.MULTILINE))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("installation")
    https, http = islice(free_ports(), 2)
    settings = {
        "MLSPLOIT_API_DEBUG_MODE": "true",
        "MLSPLOIT_API_ALLOWED_HOSTS": HOST,
        "MLSPLOIT_HOSTING_SSL_ENABLED": "true",
        "MLSPLOIT_HOSTING_SSL_DIR": str(folder / "certificates"),
        "MLSPLOIT_GATEWAY_SSL_PORT": str(https),
        "MLSPLOIT_GATEWAY_HTTP_PORT": str(http),
    }
    authority = issue(folder / "certificates", HOST)
    with Installation(folder, settings) as installation:
        printed = installation.runs("./docker-setup-api.sh", "-a", "-p", "-t")
        url = installation.publish(HELLOWORLD)
        installation.runs("./docker-manage-api.sh", "createmodule", "helloworld", url, "-b", "main")
        # The database of runs is still empty.
        installation.runs(*START, "--wait")
        yield Site(installation, printed, https, http, authority)


@pytest.fixture
def ada(site: Site) -> Iterator[Person]:
    with site.people() as everybody:
        yield everybody.register("ada")


def test_setup_makes_a_user_for_tests_a_token_and_no_debug_mode(site: Site) -> None:
    [password] = re.findall(r"created the user testuser with the password (\S+)", site.said)
    [token] = re.findall(r"Generated token (\S+) for user admin", site.said)
    with site.people() as everybody:
        login = {"username": "testuser", "password": password}
        answer = everybody.http.post("/auth/login/", json=login)
        admin = everybody.with_token("admin", token).gets("/auth/user/")

    assert answer.status_code == 200, answer.text
    assert admin["username"] == "admin"
    assert site.installation.settings()["MLSPLOIT_API_DEBUG_MODE"] == "false"


def test_setup_leaves_what_is_there_as_it_is_when_it_runs_again(site: Site) -> None:
    before = site.installation.settings()
    printed = site.installation.runs("./docker-setup-api.sh", "-a", "-p", "-t")

    assert site.installation.settings() == before
    assert "creating the user" not in printed
    assert "created the user" not in printed


def test_replicas_that_start_together_upgrade_their_database_once(site: Site) -> None:
    log = site.installation.runs("docker", "compose", "logs", "--no-color", "runs")
    started = {line.split("|")[0] for line in log.splitlines() if "startup complete" in line}

    assert len(started) == REPLICAS
    assert log.count('"database_upgraded"') == 1


def test_a_run_goes_its_whole_way_over_tls_with_certificates_of_ones_own(ada: Person) -> None:
    pipeline = ada.builds_pipeline(step("helloworld", "Greet"))
    file = ada.uploads("name.txt", b"Ada")
    [job] = ada.waits_for(ada.runs(pipeline, [file]))

    assert job["status"] == "FINISHED", job["logs"]
    assert b"Ada" in ada.downloads(job["output_files"][0])


def test_links_say_https_and_the_port_that_the_client_used(site: Site, ada: Person) -> None:
    file = ada.uploads("name.txt", b"Ada")

    assert file["url"].startswith(f"{site.url}/api/v1/files/")
    assert file["blob_url"].startswith(f"{site.url}/media/")


def test_who_does_not_know_the_authority_is_not_fooled(site: Site) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{site.url}/healthz", trust_env=False)


def test_plain_http_leads_to_https(site: Site) -> None:
    answer = httpx.get(f"http://{HOST}:{site.http}/api/v1/files/?limit=1", trust_env=False)

    assert answer.is_redirect
    assert answer.headers["Location"] == f"{site.url}/api/v1/files/?limit=1"


def test_another_host_name_is_refused(site: Site) -> None:
    with site.people() as everybody:
        answer = everybody.http.get("/auth/user/", headers={"Host": "elsewhere.example.org"})

    assert answer.status_code == 400
    assert answer.json() == {"detail": "Invalid host."}


def test_every_command_of_an_administrator_works_in_a_container(site: Site) -> None:
    with ThreadPoolExecutor(2) as at_once:
        said = dict(zip(COMMANDS, at_once.map(site.manage, COMMANDS), strict=True))

    assert "testuser" in said["listusers"]
    assert "helloworld" in said["listmodules"]


def test_the_doctor_finds_nothing_amiss_in_any_container(site: Site) -> None:
    said = site.manage("doctor")

    assert said.count(" 0 to be looked at, 0 at fault.") == len(IMAGES), said


def test_a_misspelt_setting_fails_the_start_with_a_sentence_and_stops_nothing(site: Site) -> None:
    dotenv = site.installation.folder / ".env"
    right = dotenv.read_text()
    # Images were built again since, so this may make some containers anew.
    site.installation.runs(*START, "--wait")
    serving = site.serving()
    dotenv.write_text(f"{right}MLSPLOIT_RUNS_LEASE_SECOND=60\n")
    try:
        with pytest.raises(RuntimeError, match='"settings" didn\'t complete successfully: exit 1'):
            site.installation.runs(*START)
        said = site.installation.runs("docker", "compose", "logs", "--no-color", "settings")
    finally:
        dotenv.write_text(right)

    assert "MLSPLOIT_RUNS_LEASE_SECOND: is no setting; MLSPLOIT_RUNS_LEASE_SECONDS is" in said
    assert site.serving() == serving != set()
    with site.people() as everybody:
        assert everybody.http.get("/api/v1/files/").status_code == 401


def test_a_command_that_fails_says_so_by_its_exit_code(site: Site) -> None:
    with pytest.raises(RuntimeError, match="exit 1"):
        site.manage("checkuserexists nobody-of-this-name")
