"""The demonstration is a promise about the whole system, so it is a test as well."""

from pathlib import Path

import pytest
from PIL import Image

from dev.stack import Stack
from examples.demo.journey import run_demo

# Well below what the images that come with it show: one image more or less is no news.
FOOLED_SHARE_MIN = 0.7
SAVED_SHARE_MIN = 0.3


@pytest.mark.timeout(300)
def test_the_attack_fools_the_classifier_and_the_defence_saves_some_of_it(
    system: Stack, tmp_path: Path
) -> None:
    result = run_demo(system.url, tmp_path)

    rows = result.rows
    fooled = [row for row in rows if row.fooled]
    saved = [row for row in rows if row.saved]
    assert len(rows) >= 10
    assert len(fooled) / len(rows) >= FOOLED_SHARE_MIN, result.summary
    assert len(saved) / len(fooled) >= SAVED_SHARE_MIN, result.summary
    assert all(0 < row.distance_levels <= 255 for row in rows)
    with Image.open(result.picture) as picture:
        assert picture.format == "PNG"
        assert picture.height > picture.width / 4
