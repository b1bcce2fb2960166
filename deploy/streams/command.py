"""The two commands; where NATS is, and how many copies there shall be, say the settings."""

import asyncio
from typing import Annotated

import typer

from deploy.streams.spreading import spread
from deploy.streams.taking import take
from shared.settings import PlatformSettings

app = typer.Typer(help="Streams of NATS.", add_completion=False)
Source = Annotated[str, typer.Argument(help="Where they are now: nats://NAME:PASSWORD@HOST:PORT")]


@app.command()
def spreadstreams() -> None:
    """Keep every stream on as many servers as MLSPLOIT_NATS_REPLICAS says."""
    settings = PlatformSettings.load()
    asyncio.run(spread(settings.nats_url, settings.nats_replicas))


@app.command()
def takestreams(source: Source) -> None:
    """Take all streams over from another NATS; nobody may write to them meanwhile."""
    settings = PlatformSettings.load()
    asyncio.run(take(source, settings.nats_url, settings.nats_replicas))
