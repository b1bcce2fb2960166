"""Plays the recorded cases against a system that runs already, wherever it is.

    PYTHONPATH=e2e-tests python -m contract.run --base http://127.0.0.1:8000 --admin-token TOKEN

One line per step that differs, then `N passed, N failed`. Exit status: 0 nothing failed, 1 a step
failed, 2 the suite could not start.
"""

import argparse
import json
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from contract.suite import CASES, CannotStart, Case, Options, Outcome, Suite, load_cases


def main() -> int:
    arguments = _arguments()
    options = Options(
        scheme=arguments.auth_scheme,
        extra_ok=arguments.extra_ok,
        with_deviations=not arguments.no_deviations,
        timeout_seconds=arguments.timeout,
    )
    try:
        cases = load_cases(arguments.cases or (CASES,), arguments.only or ())
        with Suite(arguments.base, arguments.admin_token, options) as suite:
            return _play(suite, cases, arguments)
    except (CannotStart, httpx.HTTPError, OSError, ValueError) as error:
        print(f"cannot start: {error}")
        return 2


def _play(suite: Suite, cases: list[Case], arguments: argparse.Namespace) -> int:
    printing = threading.Lock()

    def play(case: Case) -> list[Outcome]:
        outcomes = []
        for outcome in suite.play(case):
            outcomes.append(outcome)
            with printing:
                _report(outcome, verbose=arguments.verbose)
            if outcome.problems and not arguments.keep_going:
                suite.stopped.set()
        return outcomes

    todo = list(_with_their_modules(suite, cases))
    with ThreadPoolExecutor(max(1, arguments.jobs)) as pool:
        outcomes = [outcome for some in pool.map(play, todo) for outcome in some]
    failed = sum(bool(outcome.problems) for outcome in outcomes)
    skipped = sum(len(c["steps"]) for c in cases) - sum(len(c["steps"]) for c in todo)
    if arguments.json:
        _write(arguments.json, outcomes, failed=failed, skipped=skipped)
    if skipped:
        print(f"{skipped} steps skipped")
    print(f"{len(outcomes) - failed} passed, {failed} failed")
    return 1 if failed else 0


def _with_their_modules(suite: Suite, cases: list[Case]) -> Iterator[Case]:
    for case in cases:
        if absent := suite.absent_modules(case):
            print(f"skip {case['name']}: module {', '.join(absent)} is not registered")
        else:
            yield case


def _report(outcome: Outcome, *, verbose: bool) -> None:
    if outcome.problems:
        print(outcome.describe())
    elif verbose and outcome.answer is not None:
        print(f"ok   {outcome.where} {outcome.answer.status}")


def _write(path: Path, outcomes: list[Outcome], *, failed: int, skipped: int) -> None:
    counts = {"passed": len(outcomes) - failed, "failed": failed, "skipped": skipped}
    steps = [_as_json(outcome) for outcome in outcomes]
    text = json.dumps({**counts, "steps": steps}, indent=1, ensure_ascii=False)
    path.write_text(text + "\n", "utf-8")


def _as_json(outcome: Outcome) -> dict[str, Any]:
    answer = outcome.answer
    known: dict[str, Any] = {"step": outcome.where, "problems": outcome.problems}
    if answer is not None:
        body = answer.json if answer.kind == "json" else answer.text[:2000]
        known |= {"status": answer.status, "headers": dict(answer.headers), "body": body}
    return known


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    add = parser.add_argument
    add("--base", required=True)
    add("--admin-token", default=os.environ.get("ADMIN_TOKEN"))
    add("--auth-scheme", default="Token", choices=["Token", "Bearer"])
    add("--cases", action="append", type=Path, help="folder of case files (repeatable)")
    add("--only", action="append", help="scenario name or glob (repeatable)")
    add("--extra-ok", action="store_true", help="objects in answers may have more keys")
    add("--no-deviations", action="store_true", help="compare with what the original answered")
    add("--jobs", type=int, default=1, help="scenarios at the same time")
    add("--keep-going", action=argparse.BooleanOptionalAction, default=True)
    add("--json", type=Path, help="write the results, with whole answers, to this file")
    add("--timeout", type=float, default=30, help="seconds per request")
    add("--verbose", action="store_true", help="print every step")
    arguments = parser.parse_args()
    if not arguments.admin_token:
        parser.error("--admin-token is required")
    return arguments


if __name__ == "__main__":
    sys.exit(main())
