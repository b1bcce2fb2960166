"""The figures of a benchmark as a table for people, and as JSON for programs."""

import os
import platform
from typing import TYPE_CHECKING, Any

from dev.bench.measuring import CONNECTIONS, Figures

if TYPE_CHECKING:
    from dev.bench.system import Result

# Everything else is small, and goes into one column.
SHOWN = ("traefik", "users", "files", "modules", "pipelines", "runs", "nats", "postgres")
WALL = "Milliseconds of processor hold on a busy machine; times and requests per second do not."


def table(result: "Result") -> str:
    """For the terminal."""
    lines = [
        "",
        f"{result.database}, {machine()}; calibration loop {result.calibration:.2f} ms",
        f"ready {result.ready_seconds:.1f} s after a second start; idle"
        f" {sum(result.idle_percent.values()):.2f} % of a core; memory"
        f" {sum(result.megabytes_at_rest.values()):.0f} MB at rest,"
        f" {sum(result.megabytes_under_load.values()):.0f} MB after load",
        _shares("idle %", result.idle_percent, 2),
        _shares("MB at rest", result.megabytes_at_rest, 0),
        "",
        f"{'CPU ms a request':26}{'all':>8}{'of rounds':>13}{'goal':>7}{'orig.':>7}{'ratio':>7}"
        f"{'loops':>7}{'median':>8}{'p99':>8}"
        + "".join(f"{f'{n}/s':>8}" for n in CONNECTIONS)
        + "  by process",
    ]
    lines += [_line(figures, result.calibration) for figures in result.figures]
    return "\n".join([*lines, WALL, ""])


def _line(figures: Figures, calibration: float) -> str:
    kind, middle = figures.kind, figures.middle
    ratio = f"{kind.original / middle.cost:.1f}x" if kind.original else "-"
    spread = f"{figures.rounds[0].cost:.2f}-{figures.rounds[-1].cost:.2f}"
    throughput = "".join(f"{figures.throughput[n]:8.0f}" for n in CONNECTIONS)
    shares = " ".join(
        f"{name} {middle.cpu[name]:.2f}" for name in SHOWN if middle.cpu.get(name, 0) >= 0.05
    )
    return (
        f"{kind.name:26}{middle.cost:8.2f}{spread:>13}{kind.goal or '-':>7}"
        f"{kind.original or '-':>7}{ratio:>7}{middle.cost / calibration:7.2f}"
        f"{middle.median:8.2f}{middle.p99:8.2f}{throughput}  {shares}"
    )


def _shares(title: str, values: dict[str, float], digits: int) -> str:
    shares = ", ".join(f"{name} {value:.{digits}f}" for name, value in values.items())
    return f"{title}: {shares}"


def machine() -> str:
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def as_json(results: list["Result"]) -> dict[str, Any]:
    return {
        "machine": machine(),
        "systems": [
            {
                "database": result.database,
                "calibration_ms": result.calibration,
                "ready_seconds": result.ready_seconds,
                "idle_percent": result.idle_percent,
                "megabytes_at_rest": result.megabytes_at_rest,
                "megabytes_under_load": result.megabytes_under_load,
                "requests": [_record(figures) for figures in result.figures],
            }
            for result in results
        ],
    }


def _record(figures: Figures) -> dict[str, Any]:
    return {
        "name": figures.kind.name,
        "cpu_ms": figures.middle.cost,
        "cpu_ms_of_rounds": [each.cost for each in figures.rounds],
        "cpu_ms_by_process": figures.middle.cpu,
        "goal_ms": figures.kind.goal,
        "original_ms": figures.kind.original,
        "wall_median_ms": figures.middle.median,
        "wall_p99_ms": figures.middle.p99,
        "requests_per_second": figures.throughput,
    }
