"""The administrators' commands, under the names they have always had.

`manage.py createmodule ...` loads the one service that owns the command and no other, so a broken
service never takes the commands of its neighbours along.
"""

import importlib
import os
import sys
from collections.abc import Sequence

import typer
import typer.main

COMMANDS = {
    "users": {
        "createsuperuser": "Create an administrator",
        "createuser": "Create a user",
        "checkuserexists": "Succeed if the user exists",
        "changepassword": "Set a user's password",
        "drf_create_token": "Print a new token of a user",
        "createworkertoken": "Print a new token for an execution worker",
        "listusers": "List all users",
    },
    "files": {
        "checkblobs": "Find lost or orphaned file contents",
        "exportblobs": "Write file contents to standard output, for a backup",
        "importblobs": "Store file contents from standard input, from a backup",
    },
    "modules": {
        "createmodule": "Register a module from its repository",
        "updatemodule": "Bring a module to the newest commit of its branch",
        "removemodule": "Remove a module",
        "listmodules": "List all modules",
        "checkmodule": "Check a module's definition without registering it",
    },
    "runs": {
        "listruns": "List runs and how far they are",
        "requeue": "Announce a job again",
    },
}
# After these commands stands the name of a service; without one it is all of them, one by one.
OF_EVERY_SERVICE = {
    "deadletters": "List events that a service gave up, with the reason",
    "replaydead": "Let a service handle its dead letters again",
    "auditlog": "List what administrators did",
}
OF_THE_SYSTEM = {
    "doctor": "Look at everything, and say what to do about what is not well",
    "spreadstreams": "Keep NATS' streams on as many servers as MLSPLOIT_NATS_REPLICAS says",
    "takestreams": "Take all streams over from another NATS",
}
SERVICES = ("users", "files", "modules", "pipelines", "runs")
HELP = ("help", "--help", "-h")


def run(arguments: Sequence[str]) -> int:
    """Carry out one command; returns its exit code."""
    command = arguments[0] if arguments else "help"
    if command in HELP:
        print(overview())
        return 0
    if command == "doctor":
        return _examine(arguments[1:])
    if command in OF_THE_SYSTEM:
        return _carry_out(importlib.import_module("deploy.streams.command").app, arguments)
    if command in OF_EVERY_SERVICE:
        return _call_each(command, arguments[1:])
    service = service_of(command)
    if service is None:
        print(f"Unknown command {command!r}: `manage.py help` lists them all.", file=sys.stderr)
        return 2
    return _call(service, arguments)


def service_of(command: str) -> str | None:
    """The service that owns a command."""
    return next((service for service, names in COMMANDS.items() if command in names), None)


def overview() -> str:
    """Every command with its service, for people."""
    lines = ["Usage: manage.py COMMAND [--help] ..."]
    sections = {
        "the system": OF_THE_SYSTEM,
        **COMMANDS,
        "any service: COMMAND [SERVICE]": OF_EVERY_SERVICE,
    }
    for section, commands in sections.items():
        lines += ["", section]
        lines += [f"  {name:<20}{purpose}" for name, purpose in commands.items()]
    return "\n".join(lines)


def _examine(rest: Sequence[str]) -> int:
    if rest:
        print("Usage: manage.py doctor", file=sys.stderr)
        return 0 if rest[0] in HELP else 2
    return int(importlib.import_module("deploy.doctor.native").examine())


def _call_each(command: str, rest: Sequence[str]) -> int:
    is_of_one = bool(rest) and rest[0] in SERVICES
    services, options = (rest[:1], rest[1:]) if is_of_one else (SERVICES, rest)
    module = "deploy.audit" if command == "auditlog" else "deploy.dead_letters"
    commands_of = importlib.import_module(module).commands_of
    return max(_carry_out(commands_of(name), [command, *options]) for name in services)


def _call(service: str, arguments: Sequence[str]) -> int:
    return _carry_out(importlib.import_module(f"services.{service}.cli").app, arguments)


def _carry_out(app: typer.Typer, arguments: Sequence[str]) -> int:
    # As a group even with a single command, which would otherwise swallow its own name.
    group = typer.main.get_group(app)
    importlib.import_module("deploy.audit").begin_command(arguments)
    try:
        group.main(list(arguments), prog_name="manage.py")
    except SystemExit as done:
        return _exit_code(done)
    return 0


def _exit_code(done: SystemExit) -> int:
    if isinstance(done.code, str):
        print(done.code, file=sys.stderr)
        return 1
    return done.code or 0


def _load_settings(arguments: Sequence[str]) -> None:
    """What `make run` gives the services; the environment wins over `.env`."""
    from dev.environment import data_dir_of, nats_url_of, read_settings
    from shared.settings import unknown_names

    settings = read_settings()
    is_for_a_service = bool(arguments) and arguments[0] not in (*HELP, *OF_THE_SYSTEM)
    if is_for_a_service and (faults := unknown_names(settings)):
        sys.exit("\n".join(faults))
    os.environ.update(
        {"MLSPLOIT_NATS_URL": nats_url_of(settings)}
        | settings
        | {"MLSPLOIT_DATA_DIR": str(data_dir_of(settings))}
    )


if __name__ == "__main__":
    _load_settings(sys.argv[1:])
    sys.exit(run(sys.argv[1:]))
