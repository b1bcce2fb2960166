"""Who collects no traces pays for none."""

import subprocess
import sys
from pathlib import Path

from dev.environment import ROOT


def test_without_a_collector_nothing_that_records_traces_is_imported(tmp_path: Path) -> None:
    program = """
import asyncio, sys
from services.pipelines.main import build
from services.pipelines.settings import PipelinesSettings
app = build(PipelinesSettings(nats_url="", data_dir=sys.argv[1]))
async def live():
    async with app.router.lifespan_context(app):
        pass
asyncio.run(live())
recording = ("opentelemetry.sdk", "opentelemetry.exporter")
print(sorted(name for name in sys.modules if name.startswith(recording)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "[]\n"
