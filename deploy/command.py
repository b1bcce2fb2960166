"""Carries out one administrators' command of the service that this image holds.

Typer lets a lone command go without its name; here every command keeps it, also the only one.
"""

import importlib
import os
import sys

import typer.main

from deploy.dead_letters import COMMANDS, commands_of
from deploy.doctor.examination import examine
from deploy.doctor.surroundings import Surroundings

if __name__ == "__main__":
    service = os.environ["SERVICE"]
    if sys.argv[1] == "doctor":
        sys.exit(examine(Surroundings.of(os.environ, service)))
    is_about_letters = sys.argv[1] in COMMANDS
    app = (
        commands_of(service)
        if is_about_letters
        else importlib.import_module(f"services.{service}.cli").app
    )
    typer.main.get_group(app)(prog_name=service)
