"""Reads the list of processes, so that nothing else knows which processes a system has.

Invariant: a list that loads is consistent: names are unique and every name waited for exists.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROCESSES_FILE = Path(__file__).with_name("processes.toml")


@dataclass(frozen=True)
class Spec:
    """One process: how to start it, when it is ready, and when it stops."""

    name: str
    command: tuple[str, ...]
    ready: str
    is_app: bool = False
    waits_for: tuple[str, ...] = ()
    stop_order: int = 1
    stop_seconds: float = 8.0
    secrets: frozenset[str] = frozenset()

    @property
    def runs_once(self) -> bool:
        return self.ready == "exit"


def load_specs(path: Path = PROCESSES_FILE) -> tuple[Spec, ...]:
    """Every process of the system, in the order of the file."""
    entries = tomllib.loads(path.read_text())["process"]
    specs = tuple(_spec(entry) for entry in entries)
    _check(specs)
    return specs


def _spec(entry: dict[str, object]) -> Spec:
    fields = dict(entry)
    app = fields.pop("app", None)
    if app is not None:
        options = _strings(fields.pop("options", ()))
        command = ("python", "-m", "dev.serve", str(app), "--port", "{port}", *options)
        fields |= {"command": command, "is_app": True}
        fields.setdefault("ready", "http:/readyz")
    for key in ("command", "waits_for"):
        fields[key] = tuple(_strings(fields.get(key, ())))
    fields["secrets"] = frozenset(_strings(fields.get("secrets", ())))
    return Spec(**fields)  # type: ignore[arg-type]  # a wrong key or type fails at once, by name


def _strings(value: object) -> Iterable[str]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"a list of texts is expected, not {value!r}")
    return [str(item) for item in value]


def _check(specs: tuple[Spec, ...]) -> None:
    names = [spec.name for spec in specs]
    if len(set(names)) != len(names):
        raise ValueError("two processes have one name")
    for spec in specs:
        unknown = set(spec.waits_for) - set(names)
        if unknown:
            raise ValueError(f"{spec.name} waits for {', '.join(sorted(unknown))}, which nobody is")
