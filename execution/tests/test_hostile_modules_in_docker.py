"""What modules try in their containers: each attack fails its own job, in words, and no other."""

import asyncio
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace

import docker
import pytest
from docker.errors import ImageNotFound

from execution.runners.docker import LABEL
from execution.runners.images import image_name
from execution.testing.engine import DOCKERFILE, WHY_NOT
from execution.testing.repositories import make_repository
from execution.testing.storm import RUN, Attack, Outcome, storm

pytestmark = [
    pytest.mark.attack,
    pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT),
]

MEBIBYTE = 1024 * 1024
LOG_BYTES_MAX = 100_000
LIMITS: dict[str, object] = {
    "runner": "docker",
    "jobs": 4,
    "docker_memory_bytes_max": 64 * MEBIBYTE,
    "docker_cpus_max": 0.5,
    "docker_processes_max": 32,
    "docker_tmp_bytes_max": 4 * MEBIBYTE,
    "output_bytes_max": 2 * MEBIBYTE,
    "log_bytes_max": LOG_BYTES_MAX,
    "printed_bytes_max": 32 * MEBIBYTE,
}
OUT = "/mnt/output"


def listing(name: str) -> str:
    return f"""echo '{{"files": ["{name}"]}}' > {OUT}/output.json"""


FORK = """exec python3 -c '
import os, time
while True:
    try: os.fork()
    except OSError: time.sleep(0.2)
'
"""
REACH = """exec python3 -c '
import socket
places = {"itself": ("127.0.0.1", PORT), "here": ("HOST", PORT), "cloud": ("169.254.169.254", 80)}
for name, address in places.items():
    try: print(name, socket.create_connection(address, timeout=5))
    except OSError as error: print(name, error)
try: print(socket.getaddrinfo("example.org", 80))
except OSError as error: print(error)
for path in ("/var/run/docker.sock", "/run/containerd/containerd.sock"):
    try: socket.socket(socket.AF_UNIX).connect(path)
    except OSError as error: print(path, error)
    else: print(path, "is there")
raise SystemExit(9)
'
"""
ATTACKS = {
    "forks without end": Attack(FORK, ("time limit of 5 s", "has reached 32 processes"), 5),
    "eats memory": Attack(
        "exec python3 -c 'bytearray(1 << 30)'", ("more memory than it may have",)
    ),
    "eats memory in a child": Attack(
        "python3 -c 'bytearray(1 << 30)'; true", ("more memory than it may have",)
    ),
    "fills the disk with files": Attack(
        f"n=0; while :; do n=$(((n+1)%9)); head -c 500000 /dev/zero > {OUT}/$n; done",
        ("wrote more than 2097152 bytes",),
    ),
    "fills the disk with one file": Attack(
        f"head -c 100000000 /dev/zero > {OUT}/a; exit $?", ("exit code 153",)
    ),
    "fills the disk with a file that says nothing": Attack(
        f"cd {OUT}; touch a b; for f in a b; do fallocate -n -l 2097152 $f; done; sleep 600",
        ("wrote more than 2097152 bytes",),
    ),
    "claims to have written a terabyte": Attack(
        f"truncate -s 2097152 {OUT}/a {OUT}/b; sleep 600", ("wrote more than 2097152 bytes",)
    ),
    "makes folders without end": Attack(
        f"cd {OUT}; n=0; while mkdir $n; do n=$((n+1)); done", ("more than 1000 files",)
    ),
    "fills its own /tmp": Attack(
        "for n in 1 2 3; do head -c 2000000 /dev/zero > /tmp/$n || exit 7; done",
        ("No space left", "exit code 7"),
    ),
    "writes elsewhere": Attack(
        "for f in / /app /mnt /etc /var/tmp /mnt/input; do echo > $f/x && exit 0; done; exit 7",
        ("Read-only file system", "exit code 7"),
    ),
    "a link out of its folder": Attack(
        f"ln -s /etc/shadow {OUT}/a; {listing('a')}", ("lists a, which is not in",)
    ),
    "a folder that is a link": Attack(
        f"ln -s /etc {OUT}/d; {listing('d/shadow')}", ("lists d/shadow, which is not in",)
    ),
    "a result that is a link": Attack(
        f"ln -s /etc/shadow {OUT}/output.json", ("output.json is missing",)
    ),
    "a hard link to its input": Attack(
        f"ln /mnt/input/attack.sh {OUT}/a || exit 7", ("Invalid cross-device link", "code 7")
    ),
    "a pipe that nobody fills": Attack(
        f"mkfifo {OUT}/a; {listing('a')}", ("lists a, which is not in",)
    ),
    "a device": Attack(f"mknod {OUT}/a c 1 5 || exit 7", ("Operation not permitted", "code 7")),
    "a file above its folder": Attack(
        listing("../input/attack.sh"), ("lists ../input/attack.sh, which is outside output/",)
    ),
    "a file by its full path": Attack(
        listing("/etc/shadow"), ("lists /etc/shadow, which is outside output/",)
    ),
    "prints without end": Attack("exec yes", ("the log was cut here", "printed more than")),
    "ignores SIGTERM": Attack(
        "trap '' TERM INT HUP; while :; do sleep 1; done", ("time limit of 3 s",), 3
    ),
    "wants to be root": Attack(
        "id; grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status; chown 0 /mnt/output || exit 7",
        (
            "uid=65532 gid=65532",
            "CapEff:\t0000000000000000",
            "CapBnd:\t0000000000000000",
            "NoNewPrivs:\t1",
            "Operation not permitted",
            "exit code 7",
        ),
    ),
    "tries the network and the engine": Attack(
        REACH,
        (
            "itself [Errno 111] Connection refused",
            "here [Errno 101] Network is unreachable",
            "cloud [Errno 101] Network is unreachable",
            "[Errno -3] Temporary failure in name resolution",
            "/var/run/docker.sock [Errno 2] No such file",
            "/run/containerd/containerd.sock [Errno 2] No such file",
            "exit code 9",
        ),
    ),
}


@pytest.fixture(scope="module")
def open_door() -> Iterator[socket.socket]:
    """A port of this machine at which anybody may knock."""
    with socket.create_server(("0.0.0.0", 0)) as door:
        door.setblocking(False)
        yield door


@pytest.fixture(scope="module")
def outcome(
    tmp_path_factory: pytest.TempPathFactory, open_door: socket.socket
) -> Iterator[Outcome]:
    """One storm for all tests: attacks and peaceful jobs, four at a time, in one worker."""
    folder = tmp_path_factory.mktemp("storm")
    module = make_repository(folder / "hostile", {"run.sh": RUN, "Dockerfile": DOCKERFILE})
    addresses = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=True)
    host, port = addresses.stdout.split()[0], str(open_door.getsockname()[1])
    attacks = {
        name: replace(attack, run=attack.run.replace("HOST", host).replace("PORT", port))
        for name, attack in ATTACKS.items()
    }
    try:
        yield asyncio.run(storm(folder, module, attacks, **LIMITS))
    finally:
        engine = docker.from_env()
        with suppress(ImageNotFound):
            engine.images.remove(image_name(module), force=True)
        engine.close()


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_fails_its_own_job_with_a_plain_reason(outcome: Outcome, name: str) -> None:
    job = outcome.attacked[name]

    assert job.status == "FAILED", job.logs
    for reason in ATTACKS[name].reasons:
        assert reason in job.logs
    assert "could not go on" not in job.logs
    assert len(job.logs) < 2 * LOG_BYTES_MAX


def test_jobs_beside_the_attacks_are_not_harmed(outcome: Outcome) -> None:
    assert [job.status for job in outcome.peaceful] == ["FINISHED"] * len(outcome.peaceful)
    assert [job.attempt for job in outcome.peaceful] == [1] * len(outcome.peaceful)


@pytest.mark.usefixtures("outcome")
def test_nobody_came_from_a_container_to_this_machine(open_door: socket.socket) -> None:
    with pytest.raises(BlockingIOError):
        open_door.accept()


def test_nothing_of_an_attack_is_left(outcome: Outcome) -> None:
    engine = docker.from_env()
    containers = [
        container.labels[LABEL]
        for container in engine.containers.list(all=True, filters={"label": LABEL})
    ]
    engine.close()

    assert outcome.left == []
    assert not any("storm" in folder for folder in containers)
