"""The script that gives the gateway TLS in containers: what it refuses, and what Traefik is told.

TLS itself is tried in e2e-tests/compose, with a certificate of the test's own.
"""

import os
import subprocess
from pathlib import Path

import pytest

from gateway.configuration import GATEWAY

SCRIPT = GATEWAY.parent / "deploy" / "gateway-tls.sh"
ENABLED = {
    "MLSPLOIT_HOSTING_SSL_ENABLED": "true",
    "MLSPLOIT_HOSTING_ACME_EMAIL": "",
    "MLSPLOIT_HOSTING_ACME_SERVER": "https://acme.example.org/directory",
    "MLSPLOIT_API_ALLOWED_HOSTS": "*",
    "MLSPLOIT_GATEWAY_SSL_PORT": "443",
}
BY_ACME = {"MLSPLOIT_HOSTING_ACME_EMAIL": "admin@example.org"}


class Start:
    """Starts the gateway with a Traefik that only says what it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "traefik").write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
        (folder / "traefik").chmod(0o755)

    def __call__(self, *flags: str, **settings: str) -> subprocess.CompletedProcess[str]:
        path = f"{self.folder}:{os.environ['PATH']}"
        environ = {**ENABLED, "PATH": path, "CERTIFICATES": str(self.folder), **settings}
        command = ["sh", str(SCRIPT), *flags]
        return subprocess.run(command, env=environ, capture_output=True, text=True)


@pytest.fixture
def start(tmp_path: Path) -> Start:
    return Start(tmp_path)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"MLSPLOIT_HOSTING_SSL_ENABLED": "false"},
            "links would say http: set MLSPLOIT_HOSTING_SSL_ENABLED=true",
        ),
        ({}, "no fullchain.pem in MLSPLOIT_HOSTING_SSL_DIR"),
        (BY_ACME, "ACME needs names: list them in MLSPLOIT_API_ALLOWED_HOSTS"),
        (
            BY_ACME | {"MLSPLOIT_API_ALLOWED_HOSTS": ""},
            "ACME needs names: list them in MLSPLOIT_API_ALLOWED_HOSTS",
        ),
        (
            BY_ACME | {"MLSPLOIT_API_ALLOWED_HOSTS": "example.org,.example.org"},
            "ACME needs whole names: MLSPLOIT_API_ALLOWED_HOSTS has .example.org",
        ),
    ],
)
def test_what_could_not_work_is_refused_in_a_sentence(
    settings: dict[str, str], sentence: str, start: Start
) -> None:
    done = start(**settings)

    assert done.returncode == 1
    assert done.stderr == f"gateway: {sentence}\n"


def test_the_outer_entry_point_has_every_option_of_the_inner_one(start: Start) -> None:
    for name in ("fullchain.pem", "privkey.pem"):
        (start.folder / name).write_text("a certificate")
    done = start("--entryPoints.web.address=:8000", "--entryPoints.web.http.sanitizePath=true")
    told = done.stdout.splitlines()

    assert "--entryPoints.websecure.http.sanitizePath=true" in told
    assert "--entryPoints.websecure.http.tls=true" in told
    assert [flag for flag in told if "websecure.address" in flag] == [
        "--entryPoints.websecure.address=:8443"
    ]


def test_acme_is_asked_for_every_allowed_name(start: Start) -> None:
    done = start(**BY_ACME, MLSPLOIT_API_ALLOWED_HOSTS="a.example.org, b.example.org")
    told = done.stdout.splitlines()

    assert [flag for flag in told if ".domains[" in flag] == [
        "--entryPoints.websecure.http.tls.domains[0].main=a.example.org",
        "--entryPoints.websecure.http.tls.domains[1].main=b.example.org",
    ]
    assert "--certificatesResolvers.acme.acme.email=admin@example.org" in told
