"""`python -m examples.demo [--url URL] [--out DIR]`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from .errors import DemoError
from .journey import run_demo


def main(
    url: Annotated[
        str, typer.Option(envvar="MLSPLOIT_GATEWAY_URL", help="Where the gateway is.")
    ] = "http://127.0.0.1:8000",
    out: Annotated[Path, typer.Option(help="Where to write the picture.")] = Path("demo-output"),
) -> None:
    """Classify, attack, classify, defend and classify real images, through a running gateway."""
    console = Console()
    try:
        run_demo(url, out, console=console)
    except DemoError as error:
        # As it stands: logs may hold brackets, which are no markup, and lines of any length.
        stop = Console(stderr=True, highlight=False)
        stop.print(f"The demonstration stopped: {error}", markup=False, soft_wrap=True)
        raise typer.Exit(1) from error


typer.run(main)
