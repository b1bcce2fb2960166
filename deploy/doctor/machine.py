"""Is there room where things are written, and are the programs there that others lean on?"""

import asyncio
import importlib
import shutil
from pathlib import Path

from deploy.doctor.configuration import settings_of
from deploy.doctor.verdicts import Verdict, fault, ok, warning
from shared.errors import ApiError

CHECK_SECONDS_MAX = 10.0
MEBIBYTE = 1024 * 1024
FREE_BYTES_MIN = 256 * MEBIBYTE


def check_storage() -> Verdict:
    """As files does before it says that it is ready: a byte is written, and taken away."""
    about = "storage"
    settings = settings_of("files")
    store = importlib.import_module("services.files.storage.opening").store_of(settings)

    async def write() -> None:
        async with asyncio.timeout(CHECK_SECONDS_MAX), store:
            await store.check()

    try:
        asyncio.run(write())
    except (OSError, ApiError) as error:
        said = getattr(error, "reason", None) or str(error) or type(error).__name__
        remedy = "Uploads fail: make it writable for files, or correct MLSPLOIT_FILES_STORAGE_*."
        return fault(about, said, remedy)
    if settings.storage_url:  # type: ignore[attr-defined]  # those of files
        return ok(about, "the bucket answers")
    return _room(about, settings.storage(), FREE_BYTES_MIN)  # type: ignore[attr-defined]


def check_worker_folder() -> Verdict:
    settings = settings_of("execution")
    return _room("worker's folder", settings.folder, settings.disk_free_bytes_min)  # type: ignore[attr-defined]


def check_git() -> Verdict:
    if found := shutil.which("git"):
        return ok("git", found)
    return fault("git", "is missing", "Install it: modules are read from repositories with it.")


def check_docker() -> Verdict:
    """Only where the worker's runner is the one that needs it."""
    about = "docker"
    if settings_of("execution").runner != "docker":  # type: ignore[attr-defined]
        return ok(about, "not needed: MLSPLOIT_WORKER_RUNNER is process")
    docker = importlib.import_module("docker")
    try:
        engine = docker.from_env(timeout=CHECK_SECONDS_MAX)
        engine.ping()
        engine.close()
    except (docker.errors.DockerException, OSError) as error:
        remedy = "Start the engine and let the worker's user have its socket (DOCKER_HOST)."
        return fault(about, str(error), remedy)
    return ok(about, "the engine answers")


def _room(about: str, folder: Path, least: int) -> Verdict:
    there = next(place for place in (folder, *folder.resolve().parents) if place.exists())
    free = shutil.disk_usage(there).free
    said = f"{folder} is there, with {free // MEBIBYTE} MiB free"
    remedy = "Make room on that disk, or move the folder to a larger one."
    if free < least:
        return fault(about, said, remedy)
    return warning(about, said, remedy) if free < 4 * least else ok(about, said)
