"""The road itself: sign up, upload, build the pipeline, run it, fetch what came out.

Every step is a request that any client could make; nothing is read from the system by another way.
"""

import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from .errors import DemoError
from .gateway import Gateway, Item
from .pictures import comparison, distance_levels
from .results import DemoResult, Row, Verdict
from .terminal import JobBars, table

MODULE = "digits"
EPSILON = 0.12
PIPELINE: list[tuple[str, dict[str, Any]]] = [
    ("Classify", {}),
    ("FGSM", {"epsilon": EPSILON}),
    ("Classify", {}),
    ("Defend", {"size": 3, "bits": 1}),
    ("Classify", {}),
]
IMAGES = Path(__file__).parent / "images"
RUN_SECONDS_MAX = 600.0
POLL_SECONDS = 0.2


def run_demo(
    url: str,
    out: Path,
    *,
    console: Console | None = None,
    transport: httpx.BaseTransport | None = None,
) -> DemoResult:
    """Go the whole road at this gateway and leave the picture in this folder."""
    console = console or Console()
    with Gateway(url, transport=transport) as gateway:
        username = f"demo-{secrets.token_hex(4)}"
        gateway.register(username, secrets.token_urlsafe(16))
        console.print(f"Signed up as [bold]{username}[/] at {url}.")
        pipeline = build_pipeline(gateway)
        files = [gateway.upload(path) for path in sorted(IMAGES.glob("*.png"))]
        console.print(f"Uploaded {len(files)} images and built {pipeline['name']}.")
        run = gateway.start_run(pipeline, files)
        jobs = wait(gateway, run, console)
        outputs = outputs_by_name(gateway, jobs, [file["name"] for file in files])
        rows = [row_of(file["name"], outputs, gateway.download) for file in files]
    out.mkdir(parents=True, exist_ok=True)
    picture = out / "comparison.png"
    comparison(rows).save(picture)
    result = DemoResult(username, run["url"], rows, picture)
    console.print(table(result), f"The pictures side by side: {picture}", sep="\n")
    return result


def build_pipeline(gateway: Gateway) -> Item:
    functions = gateway.functions(MODULE)
    missing = {name for name, _ in PIPELINE} - functions.keys()
    if missing:
        raise DemoError(f"the module {MODULE} has no function {', '.join(sorted(missing))}")
    pipeline = gateway.create_pipeline("classify, attack, classify, defend, classify")
    for name, arguments in PIPELINE:
        gateway.add_task(pipeline, functions[name], arguments)
    return gateway.enable(pipeline)


def wait(gateway: Gateway, run: Item, console: Console) -> list[Item]:
    """The jobs of the run, once all are finished; the first that fails ends the wait."""
    deadline = time.monotonic() + RUN_SECONDS_MAX
    titles = [f"{place}. {name}" for place, (name, _) in enumerate(PIPELINE, start=1)]
    with JobBars(console, titles) as bars:
        while True:
            jobs = gateway.jobs(run)
            bars.show(jobs)
            for title, job in zip(titles, jobs, strict=True):
                if job["status"] in ("FAILED", "CANCELED"):
                    raise DemoError(failure_text(title, job))
            if all(job["status"] == "FINISHED" for job in jobs):
                return jobs
            if time.monotonic() > deadline:
                raise DemoError(lateness_text(jobs))
            time.sleep(POLL_SECONDS)


def failure_text(title: str, job: Item) -> str:
    logs = (job["logs"] or "").strip() or "(it wrote no logs)"
    return f"job {title} ended as {job['status']}; its logs:\n{logs}"


def lateness_text(jobs: list[Item]) -> str:
    states = ", ".join(job["status"] for job in jobs)
    return (
        f"the run is not finished after {RUN_SECONDS_MAX:.0f} seconds (its jobs: {states});"
        " is a worker running that serves the module?"
    )


def outputs_by_name(gateway: Gateway, jobs: list[Item], names: list[str]) -> list[dict[str, Item]]:
    """For each job, its output files by name: an image keeps its name all the way."""
    made = gateway.output_files()
    outputs = []
    for (function, _), job in zip(PIPELINE, jobs, strict=True):
        files = {made[url]["name"]: made[url] for url in job["output_files"]}
        if missing := set(names) - files.keys():
            raise DemoError(f"{function} handed back no {', '.join(sorted(missing))}")
        outputs.append(files)
    return outputs


def row_of(name: str, outputs: list[dict[str, Item]], download: Callable[[Item], bytes]) -> Row:
    classified, attacked, reclassified, defended, restored = (files[name] for files in outputs)
    original, adversarial = download(classified), download(attacked)
    return Row(
        name=name,
        original=original,
        adversarial=adversarial,
        defended=download(defended),
        before=Verdict.from_file(classified),
        attacked=Verdict.from_file(reclassified),
        restored=Verdict.from_file(restored),
        distance_levels=distance_levels(original, adversarial),
    )
