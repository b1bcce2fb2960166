"""The manifests are valid, complete, and say what the other two runs say."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from dev.environment import ROOT, ensure_dotenv, without_settings
from execution.settings import WorkerSettings
from gateway.configuration import GATEWAY, ROUTES
from gateway.portal.settings import PortalSettings
from services.files.settings import FilesSettings
from services.modules.settings import ModulesSettings
from services.pipelines.settings import PipelinesSettings
from services.runs.settings import RunsSettings
from services.users.settings import UsersSettings
from shared.settings import PlatformSettings

FOLDER = ROOT / "deploy" / "kubernetes"
# The oldest that is still looked after, and the newest that the checker knows.
VERSIONS = ("1.32", kubernetes_validate.latest_version())
SETTINGS: dict[str, type[PlatformSettings]] = {
    "users": UsersSettings,
    "files": FilesSettings,
    "modules": ModulesSettings,
    "pipelines": PipelinesSettings,
    "runs": RunsSettings,
    "portal": PortalSettings,
    "execution": WorkerSettings,
}
# The run's own: where it listens, whom it trusts, where routes are.
OF_THE_RUN = (
    "global.",
    "providers.",
    "entryPoints.web.address",
    "entryPoints.web.forwardedHeaders",
)

Manifest = dict[str, Any]


def kustomization() -> Manifest:
    found: Manifest = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
    return found


@cache
def manifests() -> tuple[Manifest, ...]:
    texts = [(FOLDER / name).read_text() for name in kustomization()["resources"]]
    return tuple(document for text in texts for document in yaml.safe_load_all(text))


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Manifest, ...]:
    """What the script makes of a fresh `.env`."""
    folder = tmp_path_factory.mktemp("secrets")
    shutil.copy(ROOT / ".env.example", folder)
    ensure_dotenv(folder)
    with (folder / ".env").open("a") as dotenv:
        dotenv.write("MLSPLOIT_WORKER_TOKEN=a.worker.token\n")
    done = run_secrets(folder / ".env")
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def run_secrets(dotenv: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["sh", str(FOLDER / "secrets.sh"), "postgres.example.org:5432", str(dotenv)],
        env=without_settings(os.environ),
        check=False,
        capture_output=True,
        text=True,
    )


def workloads() -> Iterator[tuple[str, Manifest]]:
    """Everything that runs, by name: its pod."""
    for manifest in manifests():
        if manifest["kind"] in {"Deployment", "StatefulSet"}:
            yield manifest["metadata"]["name"], manifest["spec"]["template"]["spec"]


def environment_of(name: str, secrets: tuple[Manifest, ...]) -> Mapping[str, str]:
    """What a container gets to know, from all the places that its manifest names."""
    known = {
        ("configMapRef", each["name"]): dict(pair.split("=", 1) for pair in each["literals"])
        for each in kustomization()["configMapGenerator"]
        if "literals" in each
    }
    known |= {("secretRef", each["metadata"]["name"]): each["stringData"] for each in secrets}
    [container] = dict(workloads())[name]["containers"]
    environment: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        [(kind, reference)] = source.items()
        environment |= known[kind, reference["name"]]
    own = {each["name"]: each.get("value", "from the pod") for each in container.get("env", ())}
    return environment | own


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid(version: str, secrets: tuple[Manifest, ...]) -> None:
    for manifest in (*manifests(), *secrets):
        kubernetes_validate.validate(manifest, version, strict=True)


def test_a_manifest_with_a_slip_is_not_valid() -> None:
    slip = yaml.safe_load(yaml.safe_dump(manifests()[-1])) | {"specs": {}}

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(slip, VERSIONS[0], strict=True)


def test_kustomize_makes_all_of_it_valid() -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("there is no kubectl here; the manifests were checked without it, above")
    command = [kubectl, "kustomize", "--load-restrictor", "LoadRestrictionsNone", str(FOLDER)]
    made = list(yaml.safe_load_all(subprocess.check_output(command, text=True)))

    for manifest in made:
        kubernetes_validate.validate(manifest, VERSIONS[0], strict=True)
    routes = [m for m in made if m["metadata"]["name"].startswith("routes-")]
    assert [m["data"]["routes.yml"] for m in routes] == [ROUTES.read_text()]


def test_the_gateway_has_the_routes_of_the_native_run() -> None:
    """The very file, and every address in it."""
    [routes] = [m for m in kustomization()["configMapGenerator"] if m["name"] == "routes"]
    assert [(FOLDER / name).resolve() for name in routes["files"]] == [ROUTES]

    services = {m["metadata"]["name"] for m in manifests() if m["kind"] == "Service"}
    platform = environment_of("gateway", ())
    for name in yaml.safe_load(ROUTES.read_text())["http"]["services"]:
        assert platform[f"MLSPLOIT_{name.upper()}_URL"] == f"http://{name}:8000"
        assert name in services


def test_the_gateway_has_the_options_of_the_native_run() -> None:
    [gateway] = dict(workloads())["gateway"]["containers"]
    flags = dict(flag.removeprefix("--").split("=", 1) for flag in gateway["args"])
    native = dict(_flattened(yaml.safe_load((GATEWAY / "traefik.yml").read_text())))

    assert _without_those_of_the_run(flags) == _without_those_of_the_run(native)


@pytest.mark.parametrize("name", SETTINGS)
def test_every_process_starts_with_what_its_manifest_tells_it(
    name: str, secrets: tuple[Manifest, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable, value in environment_of(name, secrets).items():
        monkeypatch.setenv(variable, value)

    settings = SETTINGS[name].load()

    assert settings.nats_url.startswith(f"nats://{name}:")
    assert settings.nats_replicas == 3


def test_a_secret_that_is_missing_is_named_and_nothing_is_printed(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MLSPLOIT_API_SECRET_KEY=x\n")

    done = run_secrets(tmp_path / ".env")

    assert (done.returncode, done.stdout) == (1, "")
    assert "MLSPLOIT_FILES_LINK_KEY is missing" in done.stderr


def test_each_service_has_its_own_database_password(secrets: tuple[Manifest, ...]) -> None:
    every = [value for secret in secrets for value in secret["stringData"].values() if value]

    passwords = [value.split(":")[2].split("@")[0] for value in every if "://" in value]
    assert len(passwords) == len(set(passwords)) == 12


def test_what_runs_may_do_little_and_is_asked_how_it_is() -> None:
    for name, pod in workloads():
        [container] = pod["containers"]
        security = container["securityContext"]
        assert pod["securityContext"]["runAsNonRoot"], name
        assert security["readOnlyRootFilesystem"], name
        assert not security["allowPrivilegeEscalation"], name
        assert security["capabilities"] == {"drop": ["ALL"]}, name
        assert {"requests", "limits"} <= container["resources"].keys(), name
        assert "readinessProbe" in container, name


def test_everything_that_runs_outlives_the_loss_of_a_machine() -> None:
    budgets = {m["metadata"]["name"] for m in manifests() if m["kind"] == "PodDisruptionBudget"}
    replicas = {m["metadata"]["name"]: m["spec"].get("replicas") for m in manifests()
                if m["kind"] in {"Deployment", "StatefulSet"}}  # fmt: skip

    assert budgets == set(replicas)
    assert min(replicas.values()) >= 2
    assert replicas["nats"] == 3


def test_the_five_services_and_the_portal_differ_in_name_alone() -> None:
    texts = {
        "\n".join(
            line.replace(name, "NAME")
            for line in (FOLDER / f"{name}.yaml").read_text().splitlines()
            if not line.startswith("#")
        )
        for name in ("users", "modules", "pipelines", "runs", "portal")
    }

    assert len(texts) == 1


def test_nats_takes_its_configuration(tmp_path: Path, secrets: tuple[Manifest, ...]) -> None:
    [files] = [m["files"] for m in kustomization()["configMapGenerator"] if m["name"] == "nats"]
    for name in files:
        shutil.copy(FOLDER / name, tmp_path)
    server = shutil.which("nats-server") or str(ROOT / ".venv" / "bin" / "nats-server")
    environ = {**os.environ, **environment_of("nats", secrets), "POD_NAME": "nats-0"}

    done = subprocess.run(
        [server, "--config", str(tmp_path / "cluster.conf"), "-t"],
        env=environ,
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr


def _flattened(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flattened(value, f"{prefix}{key}.")
        else:
            yield prefix + key, str(value).lower() if isinstance(value, bool) else str(value)


def _without_those_of_the_run(options: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in options.items() if not key.startswith(OF_THE_RUN)}
