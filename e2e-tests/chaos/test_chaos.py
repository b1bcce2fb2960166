"""`make test-chaos`; with `make test` in its quick form."""

from pathlib import Path

import pytest

from chaos.report import report
from chaos.storm import Terms, weather
from shared.testing.fixtures import POSTGRES, SQLITE

QUICK_RUNS = 20
SECONDS_MAX = 3600


@pytest.mark.timeout(SECONDS_MAX)
@pytest.mark.parametrize("database", [SQLITE, POSTGRES])
def test_whatever_dies_nothing_is_lost_and_nothing_counts_twice(
    database: str, tmp_path: Path
) -> None:
    terms = Terms.of_environment(is_postgres=database == POSTGRES, runs=QUICK_RUNS)

    survived = weather(tmp_path, terms)

    print(report(survived))
    assert survived.faults == []
