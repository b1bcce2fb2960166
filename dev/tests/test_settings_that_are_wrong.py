"""A wrong setting ends the process at its start, with a sentence that names it."""

import pytest

from services.runs.settings import RunsSettings


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("MLSPLOIT_LOG_LEVEL", "LOUD", "String should match pattern '(?i)^(debug|info"),
        ("MLSPLOIT_NATS_URL", "localhost:4222", "String should match pattern '^((nats|tls)://"),
        ("MLSPLOIT_USERS_URL", "users:8000", "String should match pattern '^(https?://"),
        ("MLSPLOIT_OTLP_ENDPOINT", "collector:4317", "String should match pattern '^(https?://"),
        ("MLSPLOIT_OTLP_SAMPLED_RATIO", "2", "Input should be less than or equal to 1"),
        ("MLSPLOIT_API_DEBUG_MODE", "perhaps", "Input should be a valid boolean"),
        ("MLSPLOIT_HOSTING_SSL_ENABLED", "http", "Input should be a valid boolean"),
        ("MLSPLOIT_API_ALLOWED_HOSTS", "https://a.org", "String should match pattern"),
        ("MLSPLOIT_API_ALLOWED_HOSTS", "a.org:8000", "String should match pattern"),
        ("MLSPLOIT_API_ALLOWED_HOSTS", " , ", "String should match pattern"),
        ("MLSPLOIT_RUNS_LEASE_SECONDS", "half a minute", "Input should be a valid integer"),
        ("MLSPLOIT_RUNS_LEASE_SECONDS", "0", "Input should be greater than 0"),
        ("MLSPLOIT_RUNS_BODY_BYTES_MAX", "-1", "Input should be greater than 0"),
        ("MLSPLOIT_RUNS_DATABASE_URL", "mysql://h/d", "String should match pattern '^((postgresql"),
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

    assert "MLSPLOIT_RUNS_DATABASE_URL: String should match pattern" in str(refusal.value)
    assert "hush" not in str(refusal.value)


def test_what_is_right_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    right = {
        "MLSPLOIT_LOG_LEVEL": "debug",
        "MLSPLOIT_API_ALLOWED_HOSTS": "api.example.org, 127.0.0.1,[::1],localhost",
        "MLSPLOIT_NATS_URL": "nats://a:1@n1:4222,tls://a:1@n2:4222",
        "MLSPLOIT_RUNS_DATABASE_URL": "sqlite+aiosqlite:////var/lib/runs.sqlite3",
        "MLSPLOIT_RUNS_URL": "https://runs.example.org",
        "MLSPLOIT_RUNS_DATABASE_PASSWORD": "for postgres",
    }
    for name, value in right.items():
        monkeypatch.setenv(name, value)

    settings = RunsSettings.load()

    assert settings.log_level == "debug"
