"""Says what was done to a system and what it made of it, in a table."""

from collections import Counter
from collections.abc import Iterator
from statistics import median

from chaos.faults import KINDS
from chaos.storm import Survived

WIDTH = 11


def report(survived: Survived) -> str:
    return "\n".join(["", *_heading(survived), "", *_table(survived), "", *_figures(survived)])


def _heading(survived: Survived) -> Iterator[str]:
    terms = survived.terms
    database = "PostgreSQL" if terms.is_postgres else "SQLite"
    yield f"Chaos on {database}: {terms.runs} runs of 3 jobs, seed {terms.seed}"


def _table(survived: Survived) -> Iterator[str]:
    faults = survived.damage.faults
    targets = sorted({target for _, target in faults})
    yield f"{'':<14}" + "".join(f"{kind:>{WIDTH}}" for kind in KINDS)
    for target in targets:
        yield f"{target:<14}" + "".join(f"{faults[kind, target]:>{WIDTH}}" for kind in KINDS)
    totals = [sum(faults[kind, target] for target in targets) for kind in KINDS]
    yield f"{'all':<14}" + "".join(f"{total:>{WIDTH}}" for total in totals)


def _figures(survived: Survived) -> Iterator[str]:
    kept, outcome = survived.kept, survived.outcome
    reasons = Counter(_short(row["reason"]) for row in kept.attempts)
    seconds = outcome.seconds or [0.0]
    ids = {event.id for event in survived.told}
    outage, target = survived.damage.longest_outage
    asked_again = outcome.experience.asked_again
    finished = sum(run["status"] == "FINISHED" for run in kept.runs)
    yield f"seconds           {survived.seconds:.0f}"
    yield f"runs              {finished} finished of {len(outcome.runs)} wanted"
    yield f"one run           median {median(seconds):.1f} s, slowest {max(seconds):.1f} s"
    yield f"people deleted    {len(outcome.departed)}, each with runs at work"
    yield f"jobs              {len(kept.jobs)}, accepted results {reasons['reported FINISHED']}"
    yield f"attempts          {len(kept.attempts)}: {_listed(reasons)}"
    yield f"executions        {survived.executions}, of the deleted too"
    yield f"announced again   {survived.announced_again}"
    yield f"events            {len(survived.told)}, ids {len(ids)}"
    yield f"requests again    {asked_again.total()}: {_listed(asked_again)}"
    yield f"answers replayed  {outcome.experience.replayed}"
    yield f"restarts beside   {_listed(survived.damage.restarts)}"
    yield f"longest outage    {outage:.1f} s, {target}"
    yield f"wrong             {len(survived.faults)}"


def _short(reason: str | None) -> str:
    return "silent backend" if reason and "no heartbeat" in reason else str(reason)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.most_common()) or "none"
