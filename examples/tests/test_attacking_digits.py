"""The digits module, run as a worker runs it: real training, a real attack, a real defence."""

import io
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from examples.tests.jobs import EXAMPLES, FinishedJob, RunJob

GRADIENT_ERROR_MAX = 1e-5
EPSILON = 0.12
EPSILON_LEVELS = 30  # 0.12 of 255 grey levels, rounded down


DEFENCE = {"size": 3, "bits": 1}
RECIPE = {"hidden_units": 16, "epochs": 10, "weight_decay": 0.001, "seed": 7}


@pytest.fixture(scope="session")
def digits() -> dict[str, bytes]:
    folder = EXAMPLES / "demo" / "images"
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.png"))}


def labels(job: FinishedJob) -> dict[str, str]:
    assert job.exit_code == 0, job.logs
    return {name: job.tags(name)["label"] for name in job.report["files"] if name.endswith(".png")}


def distance(one: bytes, other: bytes) -> int:
    """The largest change of any pixel, in grey levels."""
    pictures = (Image.open(io.BytesIO(data)) for data in (one, other))
    high = ImageChops.difference(*pictures).getextrema()[1]
    assert isinstance(high, int | float)
    return int(high)


def test_the_road_from_right_to_wrong_and_back(
    run_digits: RunJob, digits: dict[str, bytes]
) -> None:
    right = run_digits("Classify", {}, digits)
    attacked = run_digits("FGSM", {"epsilon": EPSILON}, right.files())
    wrong = run_digits("Classify", {}, attacked.files())
    defended = run_digits("Defend", DEFENCE, wrong.files())
    restored = run_digits("Classify", {}, defended.files())

    truth = {name: name.split("-")[1] for name in digits}
    assert labels(right) == truth
    fooled = {name for name, label in labels(wrong).items() if label != truth[name]}
    assert len(fooled) >= 8
    back = {name for name in fooled if labels(restored)[name] == truth[name]}
    assert len(back) >= len(fooled) / 2
    assert labels(attacked) == labels(wrong)


def test_the_saved_image_keeps_the_bound(run_digits: RunJob, digits: dict[str, bytes]) -> None:
    attacked = run_digits("FGSM", {"epsilon": EPSILON}, digits).files()

    assert {distance(digits[name], attacked[name]) for name in digits} == {EPSILON_LEVELS}


def test_an_attack_of_no_strength_changes_nothing(
    run_digits: RunJob, digits: dict[str, bytes]
) -> None:
    attacked = run_digits("FGSM", {"epsilon": 0}, digits).files()

    assert {distance(digits[name], attacked[name]) for name in digits} == {0}


def test_the_same_job_gives_the_same_bytes(run_digits: RunJob, digits: dict[str, bytes]) -> None:
    first = run_digits("FGSM", {"epsilon": EPSILON}, digits)
    second = run_digits("FGSM", {"epsilon": EPSILON}, digits)

    assert first.files() == second.files()
    assert first.report == second.report


def test_images_are_modified_and_carry_their_verdict(
    run_digits: RunJob, digits: dict[str, bytes]
) -> None:
    job = run_digits("Classify", {}, digits)

    assert job.report["files_modified"] == list(digits)
    assert job.report["files_created"] == []
    tags = job.tags("digit-0-0078.png")
    assert (tags["label"], tags["visualize"]) == ("0", "image")
    assert 0.5 < tags["confidence"] <= 1
    assert distance(digits["digit-0-0078.png"], job.files()["digit-0-0078.png"]) == 0


def test_a_trained_model_travels_with_the_images(
    run_digits: RunJob, digits: dict[str, bytes]
) -> None:
    trained = run_digits("Train", RECIPE, digits)
    read = run_digits("Classify", {}, trained.files())
    attacked = run_digits("FGSM", {"epsilon": EPSILON}, read.files())
    defended = run_digits("Defend", DEFENCE, attacked.files())

    assert trained.report["files_created"] == ["model.npz"]
    assert trained.tags("model.npz")["accuracy"] > 0.8
    models = {job.files()["model.npz"] for job in (trained, read, attacked, defended)}
    assert len(models) == 1
    assert "model.npz" not in read.report["files_modified"] + read.report["files_created"]


def test_a_trained_model_is_the_one_that_answers(
    run_digits: RunJob, digits: dict[str, bytes]
) -> None:
    # One epoch of one hidden unit learns next to nothing: it cannot pass for the default network.
    dull = run_digits("Train", RECIPE | {"hidden_units": 1, "epochs": 1}, digits)

    read = run_digits("Classify", {}, dull.files())

    assert labels(read) != labels(run_digits("Classify", {}, digits))


@pytest.mark.parametrize(
    ("function", "options", "complaint"),
    [
        ("FGSM", {"epsilon": 1.5}, "FGSM: epsilon must be a number from 0.0 to 1.0, not 1.5"),
        ("Defend", {"size": 4, "bits": 1}, "Defend: size must be odd"),
        ("Defend", {"size": 3, "bits": 9}, "Defend: bits must be a whole number from 1 to 8"),
        ("Train", RECIPE | {"epochs": 0}, "Train: epochs must be a whole number from 1 to 200"),
        ("Guess", {}, "Guess: there is no such function"),
    ],
)
def test_an_option_out_of_range_is_refused_in_one_sentence(
    run_digits: RunJob,
    digits: dict[str, bytes],
    function: str,
    options: dict[str, Any],
    complaint: str,
) -> None:
    job = run_digits(function, options, digits)

    assert (job.exit_code, job.report) == (1, {})
    assert job.logs.startswith(complaint)
    assert job.logs.count("\n") == 1


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"a.png": b"no picture"}, "Classify: a.png is not a readable PNG image"),
        ({}, "Classify: there is no PNG image among the input files"),
        ({"a.png": b"", "m.npz": b"no model"}, "Classify: a.png is not a readable PNG image"),
    ],
)
def test_files_that_are_no_images_are_refused_in_one_sentence(
    run_digits: RunJob, files: dict[str, bytes], complaint: str
) -> None:
    job = run_digits("Classify", {}, files)

    assert (job.exit_code, job.logs, job.report) == (1, f"{complaint}\n", {})


def test_a_file_that_is_no_model_is_refused_in_one_sentence(
    run_digits: RunJob, digits: dict[str, bytes]
) -> None:
    job = run_digits("Classify", {}, digits | {"model.npz": b"no model"})

    assert job.exit_code == 1
    assert job.logs == "Classify: model.npz is not a model that Train made\n"


def test_a_colour_photograph_of_any_size_is_read(run_digits: RunJob) -> None:
    photograph = io.BytesIO()
    Image.new("RGBA", (300, 200), (200, 30, 30, 128)).save(photograph, "PNG")

    job = run_digits("Classify", {}, {"photo.PNG": photograph.getvalue()})

    assert job.exit_code == 0, job.logs
    assert Image.open(io.BytesIO(job.files()["photo.PNG"])).size == (24, 24)


def test_the_gradient_agrees_with_finite_differences(digits_python: Path) -> None:
    done = subprocess.run(
        [digits_python, Path(__file__).with_name("finite_differences.py")],
        env=os.environ | {"PYTHONPATH": str(EXAMPLES.parent), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    errors = json.loads(done.stdout)
    assert max(errors) < GRADIENT_ERROR_MAX, errors
