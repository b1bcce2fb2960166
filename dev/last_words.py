"""What a process said last, in a form that fits a terminal: enough for a person to act on."""

import json
from pathlib import Path

LINES_MAX = 12
LINE_CHARACTERS_MAX = 400
BYTES_READ_MAX = 65_536


def last_words(log: Path) -> list[str]:
    """The last lines of a log; of a traceback inside a JSON line, its end."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - BYTES_READ_MAX))
        lines = file.read().decode(errors="replace").splitlines()
    spelt_out = [line for raw in lines[-LINES_MAX:] for line in _spell_out(raw)]
    return [line[:LINE_CHARACTERS_MAX] for line in spelt_out[-LINES_MAX:]]


def _spell_out(line: str) -> list[str]:
    try:
        entry = json.loads(line)
        texts = [str(entry[key]) for key in ("event", "exception", "message") if key in entry]
    except (ValueError, TypeError):
        return [line]
    details = [f"{key}={value}" for key, value in entry.items() if key in {"error", "reason"}]
    return [part for text in [*texts, *details] for part in text.splitlines()] or [line]
