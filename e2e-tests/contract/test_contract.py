"""What existing clients rely on holds, on both databases: every recorded scenario is a test."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from harness.quiet import QuietSystem

from contract.suite import Case, Options, Suite, load_cases

CASES = {case["name"]: case for case in load_cases()}
# One scenario of each kind, for what does not depend on the details of a resource.
ONE_OF_EACH = (
    *("auth_login_logout", "files_upload", "pipelines", "tasks"),
    *("runs_create", "jobs_update", "flow_web_ui"),
)


@pytest.mark.parametrize("name", CASES)
def test_the_recorded_behaviour_holds(name: str, quiet_system: QuietSystem) -> None:
    with suite(quiet_system) as playing:
        assert differences(playing, CASES[name]) == []


def test_it_holds_for_bearer_tokens_and_when_scenarios_run_at_the_same_time(
    quiet_system: QuietSystem,
) -> None:
    with (
        suite(quiet_system, scheme="Bearer") as playing,
        ThreadPoolExecutor(len(ONE_OF_EACH)) as pool,
    ):
        found = list(pool.map(lambda name: differences(playing, CASES[name]), ONE_OF_EACH))

    assert [difference for some in found for difference in some] == []


def suite(system: QuietSystem, *, scheme: str = "Token") -> Suite:
    return Suite(system.url, system.admin_token, Options(scheme=scheme))


def differences(playing: Suite, case: Case) -> list[str]:
    """One line per step that was answered otherwise."""
    assert playing.absent_modules(case) == []
    return [outcome.describe() for outcome in playing.play(case) if outcome.problems]
