"""`make bench-dispatch`: how long after POST /runs/ its first job is RUNNING, once all is warm.

The end is the moment the system itself notes in the job (`started`), on the same clock as the
beginning: asking again and again would slow down what is measured.
"""

import secrets
import statistics
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from dev.faults import told_in_one_sentence
from dev.target import a_system
from dev.waiting import eventually
from examples.demo.gateway import Gateway, Item

ROUNDS = 30


@told_in_one_sentence
def main() -> int:
    with a_system() as url, Gateway(url) as gateway:
        pipeline, file = _prepare(gateway)
        _measure(gateway, pipeline, file)  # The first one makes the module's environment.
        taken = sorted(_measure(gateway, pipeline, file) for _ in range(ROUNDS))
    median, fastest, slowest = map(_ms, (statistics.median(taken), taken[0], taken[-1]))
    print(f"POST /runs/ to first job RUNNING, {ROUNDS} rounds after a first one:")
    print(f"median {median}, fastest {fastest}, slowest {slowest}")
    return 0


def _prepare(gateway: Gateway) -> tuple[Item, Item]:
    gateway.register(f"bench-{secrets.token_hex(6)}", secrets.token_urlsafe(16))
    with tempfile.TemporaryDirectory() as folder:
        name = Path(folder) / "ada.txt"
        name.write_text("Ada")
        file = gateway.upload(name)
    pipeline = gateway.create_pipeline("bench")
    gateway.add_task(pipeline, gateway.functions("helloworld")["Greet"], {})
    return gateway.enable(pipeline), file


def _measure(gateway: Gateway, pipeline: Item, file: Item) -> float:
    began = datetime.now(UTC)
    run = gateway.start_run(pipeline, [file])
    # The next round must find the worker idle.
    eventually(lambda: gateway.jobs(run)[0]["status"] == "FINISHED", "done", seconds_max=120)
    started = datetime.fromisoformat(gateway.jobs(run)[0]["started"])
    return (started - began).total_seconds()


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


if __name__ == "__main__":
    sys.exit(main())
