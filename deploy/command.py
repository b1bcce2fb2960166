"""Carries out one administrators' command of the service that this image holds.

Typer lets a lone command go without its name; here every command keeps it, also the only one.
"""

import importlib
import os

import typer.main

if __name__ == "__main__":
    service = os.environ["SERVICE"]
    app = importlib.import_module(f"services.{service}.cli").app
    typer.main.get_group(app)(prog_name=service)
