from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.runs.states import JOB_STATUSES, REPORTABLE, TERMINAL, can_become, run_status

statuses = st.sampled_from(JOB_STATUSES)
chains = st.lists(statuses, min_size=1, max_size=6)


@given(statuses, st.lists(st.sampled_from(REPORTABLE)))
def test_reports_in_any_order_never_take_a_job_back(start: str, wishes: list[str]) -> None:
    order = ["PENDING", "QUEUED", "RUNNING"]
    seen = [start]
    for wish in wishes:
        if can_become(seen[-1], wish):
            seen.append(wish)

    for before, after in pairwise(seen):
        if before in TERMINAL:
            assert after == before
        elif after not in TERMINAL:
            assert order.index(before) <= order.index(after)


@given(statuses)
def test_a_job_may_always_stay_what_it_is(status: str) -> None:
    assert can_become(status, status)


@given(statuses)
def test_every_job_that_has_not_ended_can_still_end(status: str) -> None:
    if status not in TERMINAL:
        assert can_become(status, "FINISHED")
        assert can_become(status, "FAILED")


@given(chains)
def test_a_run_is_finished_when_and_only_when_all_its_jobs_are(jobs: list[str]) -> None:
    assert (run_status(jobs) == "FINISHED") == (set(jobs) == {"FINISHED"})


@given(chains)
def test_one_failed_job_fails_the_run_whatever_the_others_do(jobs: list[str]) -> None:
    assert (run_status(jobs) == "FAILED") == ("FAILED" in jobs)


@given(chains)
def test_the_order_of_the_jobs_does_not_matter(jobs: list[str]) -> None:
    assert run_status(jobs) == run_status(sorted(jobs)) == run_status(jobs[::-1])


@given(chains)
def test_a_run_is_pending_until_its_first_job_has_begun(jobs: list[str]) -> None:
    assert (run_status(jobs) == "PENDING") == ({"PENDING", "QUEUED"} >= set(jobs))


def test_a_run_without_jobs_has_nothing_left_to_do() -> None:
    assert run_status([]) == "FINISHED"
