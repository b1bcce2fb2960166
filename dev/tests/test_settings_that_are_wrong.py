"""A wrong setting ends the process at its start, with a sentence that names it."""

import pytest

from execution.settings import WorkerSettings
from gateway.portal.settings import PortalSettings
from services.files.settings import FilesSettings
from services.modules.settings import ModulesSettings
from services.pipelines.settings import PipelinesSettings
from services.runs.settings import RunsSettings
from services.users.settings import UsersSettings
from shared.settings import PlatformSettings

PROCESSES = (
    UsersSettings,
    FilesSettings,
    ModulesSettings,
    PipelinesSettings,
    RunsSettings,
    PortalSettings,
    WorkerSettings,
)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("MLSPLOIT_LOG_LEVEL", "LOUD", "must be DEBUG, INFO, WARNING or ERROR"),
        ("MLSPLOIT_NATS_URL", "localhost:4222", "must be nats://HOST:PORT or tls://"),
        ("MLSPLOIT_USERS_URL", "users:8000", "must begin with http://"),
        ("MLSPLOIT_OTLP_ENDPOINT", "collector:4317", "must begin with http"),
        ("MLSPLOIT_OTLP_SAMPLED_RATIO", "2", "Input should be less than or equal to 1"),
        ("MLSPLOIT_API_DEBUG_MODE", "perhaps", "Input should be a valid boolean"),
        ("MLSPLOIT_HOSTING_SSL_ENABLED", "http", "Input should be a valid boolean"),
        ("MLSPLOIT_API_ALLOWED_HOSTS", "https://a.org", "must be names without"),
        ("MLSPLOIT_API_ALLOWED_HOSTS", "a.org:8000", "must be names without"),
        ("MLSPLOIT_API_ALLOWED_HOSTS", "*.a.org", "must be names without"),
        ("MLSPLOIT_API_ALLOWED_HOSTS", "a.org/api", "must be names without"),
        ("MLSPLOIT_API_ALLOWED_HOSTS", " , ", "must be names without"),
        ("MLSPLOIT_RUNS_LEASE_SECONDS", "half a minute", "Input should be a valid integer"),
        ("MLSPLOIT_RUNS_LEASE_SECONDS", "0", "Input should be greater than 0"),
        ("MLSPLOIT_RUNS_BODY_BYTES_MAX", "-1", "Input should be greater than 0"),
        ("MLSPLOIT_RUNS_SWEEP_SECONDS", "inf", "Input should be a finite number"),
        ("MLSPLOIT_RUNS_DATABASE_URL", "mysql://h/d", "must begin with postgresql+asyncpg://"),
    ],
)
def test_it_is_named_with_what_is_wrong(
    name: str, value: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit) as refusal:
        RunsSettings.load()

    said = str(refusal.value)
    assert said.startswith(f"{name}: {sentence}")
    assert "\n" not in said


@pytest.mark.parametrize(
    ("settings", "name", "value", "sentence"),
    [
        (UsersSettings, "MLSPLOIT_USERS_SMTP_FROM", "MLsploit", "must be an address, such as"),
        (UsersSettings, "MLSPLOIT_TRUSTED_PROXIES", "proxy", "'proxy' does not appear to be an"),
        (FilesSettings, "MLSPLOIT_FILES_S3_REGION", "us east", "must be a region's name"),
        (FilesSettings, "MLSPLOIT_FILES_S3_ENDPOINT_URL", "minio:9000", "must begin with http"),
        (WorkerSettings, "MLSPLOIT_GATEWAY_URL", "gateway:8000", "must begin with http"),
        (WorkerSettings, "MLSPLOIT_WORKER_DRAIN_SECONDS", "-1", "Input should be greater than or"),
        (WorkerSettings, "MLSPLOIT_WORKER_DOCKER_NETWORK", "a net", "must be the name of a"),
    ],
)
def test_what_is_one_processs_own_is_judged_alike(
    settings: type[PlatformSettings],
    name: str,
    value: str,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for needed in ("MLSPLOIT_API_SECRET_KEY", "MLSPLOIT_FILES_LINK_KEY", "MLSPLOIT_WORKER_TOKEN"):
        monkeypatch.setenv(needed, "x" * 40)
    monkeypatch.setenv(name, value)

    with pytest.raises(SystemExit) as refusal:
        settings.load()

    assert str(refusal.value).startswith(f"{name}: {sentence}")


def test_all_faults_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLSPLOIT_LOG_LEVEL", "LOUD")
    monkeypatch.setenv("MLSPLOIT_RUNS_LEASE_SECONDS", "none")

    with pytest.raises(SystemExit) as refusal:
        RunsSettings.load()

    assert [line.partition(":")[0] for line in str(refusal.value).splitlines()] == [
        "MLSPLOIT_LOG_LEVEL",
        "MLSPLOIT_RUNS_LEASE_SECONDS",
    ]


def test_a_password_in_a_wrong_address_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLSPLOIT_RUNS_DATABASE_URL", "postgres://runs:hush@db/runs")

    with pytest.raises(SystemExit) as refusal:
        RunsSettings.load()

    assert "MLSPLOIT_RUNS_DATABASE_URL: must begin with" in str(refusal.value)
    assert "hush" not in str(refusal.value)


@pytest.mark.parametrize("settings", PROCESSES)
def test_every_process_refuses_a_name_that_is_none(
    settings: type[PlatformSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLSPLOIT_RUNS_LEASE_SECOND", "hush")
    monkeypatch.setenv("mlsploit_nonsense", "hush")
    monkeypatch.setenv("MLSPLOIT_USERS_PEER_TIMEOUT_SECONDS", "4")

    with pytest.raises(SystemExit) as refusal:
        settings.load()

    said = str(refusal.value).splitlines()
    assert said[0].startswith("MLSPLOIT_RUNS_LEASE_SECOND: is no setting; MLSPLOIT_RUNS_LEASE_SECO")
    assert said[1] == "mlsploit_nonsense: is no setting (.env.example has them all)"
    assert not [line for line in said if "hush" in line or "PEER_TIMEOUT" in line]


@pytest.mark.parametrize("settings", PROCESSES)
def test_every_pattern_has_a_sentence(settings: type[PlatformSettings]) -> None:
    patterns = [
        field for field in settings.model_fields.values() if "pattern" in repr(field.metadata)
    ]

    assert len(patterns) >= 3
    assert all((field.description or "").startswith("must ") for field in patterns)


def test_what_another_process_is_told_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLSPLOIT_FILES_LINK_DAYS", "MLSPLOIT_WORKER_JOBS", "MLSPLOIT_IMAGE_TAG"):
        monkeypatch.setenv(name, "none of mine")

    assert RunsSettings.load().attempts_max == 3


def test_what_is_right_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    right = {
        "MLSPLOIT_LOG_LEVEL": "debug",
        "MLSPLOIT_API_ALLOWED_HOSTS": ".example.org, a.b-c.org, 127.0.0.1,[::1],localhost,*",
        "MLSPLOIT_NATS_URL": "nats://a:1@n1:4222,tls://a:1@n2:4222",
        "MLSPLOIT_RUNS_DATABASE_URL": "sqlite+aiosqlite:////var/lib/runs.sqlite3",
        "MLSPLOIT_RUNS_URL": "https://runs.example.org",
        "MLSPLOIT_RUNS_DATABASE_PASSWORD": "for postgres",
    }
    for name, value in right.items():
        monkeypatch.setenv(name, value)

    settings = RunsSettings.load()

    assert settings.log_level == "debug"
