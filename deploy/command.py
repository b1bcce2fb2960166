"""Carries out one administrators' command of the service that this image holds.

Typer lets a lone command go without its name; here every command keeps it, also the only one.
"""

import importlib
import os
import sys

import typer.main

from deploy import audit, dead_letters, streams
from deploy.doctor.examination import examine
from deploy.doctor.surroundings import Surroundings

if __name__ == "__main__":
    service = os.environ["SERVICE"]
    command = sys.argv[1]
    if command == "doctor":
        sys.exit(examine(Surroundings.of(os.environ, service)))
    audit.begin_command(sys.argv[1:])
    if command in dead_letters.COMMANDS:
        app = dead_letters.commands_of(service)
    elif command in streams.COMMANDS:
        app = importlib.import_module("deploy.streams.command").app
    elif command == "auditlog":
        app = audit.commands_of(service)
    else:
        app = importlib.import_module(f"services.{service}.cli").app
    typer.main.get_group(app)(prog_name=service)
