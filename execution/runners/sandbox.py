"""What the engine is asked for when a module's container is made: the whole of the sandbox.

A module sees its image read-only, a small /tmp in memory, /mnt/input read-only and /mnt/output. It
has no network, no capability, no way to gain one, no root where its image allows that, and limits
on memory, processors, processes and the size of a file.
"""

from typing import Any

from docker.types import DeviceRequest, LogConfig, Mount, Ulimit

from execution.runners.needs import Need
from execution.settings import WorkerSettings

# Nobody's number: neither on this machine nor in the images of this system. An image that says
# root, or nothing, does not thereby need root.
UNPRIVILEGED = "65532:65532"
ROOT = "0:0"
NANO = 1_000_000_000


def container_request(
    settings: WorkerSettings, mounts: list[Mount], image_user: str, granted: frozenset[Need]
) -> dict[str, Any]:
    """All that the engine is told, besides the image and the label of whose container it is."""
    return {
        **_confinement(settings),
        **_identity(image_user, granted),
        "mounts": mounts,
        "network_mode": settings.docker_network if "network" in granted else "none",
        "device_requests": _devices(granted),
    }


def _confinement(settings: WorkerSettings) -> dict[str, Any]:
    memory, file_bytes = settings.docker_memory_bytes_max, settings.output_bytes_max
    return {
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "ipc_mode": "private",
        "read_only": True,
        "tmpfs": {"/tmp": _options_of_tmp(settings)},  # noqa: S108
        "mem_limit": memory,
        "memswap_limit": memory,
        "nano_cpus": int(settings.docker_cpus_max * NANO),
        "pids_limit": settings.docker_processes_max,
        "ulimits": [_ulimit("fsize", file_bytes), _ulimit("core", 0)],
        # The engine keeps no copy of what a module prints: the worker reads it as it comes.
        "log_config": LogConfig(type=LogConfig.types.NONE),
    }


def _identity(image_user: str, granted: frozenset[Need]) -> dict[str, Any]:
    environment = {"MLSPLOIT_JOB_DIR": "/mnt", "PYTHONUNBUFFERED": "1"}
    if not _is_root(image_user):
        return {"user": image_user, "environment": environment}
    if "root" in granted:
        return {"user": ROOT, "environment": environment}
    # A number without a name has no home.
    return {"user": UNPRIVILEGED, "environment": environment | {"HOME": "/tmp"}}  # noqa: S108


def _is_root(image_user: str) -> bool:
    name = image_user.partition(":")[0].strip()
    return name in ("", "root") or (name.lstrip("+-").isdigit() and int(name) == 0)


def _options_of_tmp(settings: WorkerSettings) -> str:
    return f"size={settings.docker_tmp_bytes_max},mode=1777,nosuid,nodev"


def _ulimit(name: str, most: int) -> Ulimit:
    return Ulimit(name=name, soft=most, hard=most)


def _devices(granted: frozenset[Need]) -> list[DeviceRequest]:
    """All of them: which module gets which is the operator's choice of workers."""
    return [DeviceRequest(count=-1, capabilities=[["gpu"]])] if "gpu" in granted else []


def opening_request(settings: WorkerSettings, mounts: list[Mount], user: str) -> dict[str, Any]:
    """The same sandbox once more, in which a module's own user opens what it wrote to the worker.

    It runs the image's own `chmod`, which may be anything, with no right that the module had not.
    """
    return {
        **_confinement(settings),
        "user": user,
        "mounts": mounts,
        "network_mode": "none",
        "entrypoint": ["chmod"],
        "command": ["-R", "a+rwX", "/mnt/output"],
    }
