"""The demonstration as a client: what it asks for, what it shows, and how it gives up."""

import io
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from examples.demo import journey
from examples.demo.errors import DemoError
from examples.demo.journey import run_demo
from examples.demo.pictures import comparison, distance_levels
from examples.demo.results import DemoResult, Row, Verdict
from examples.demo.terminal import table
from examples.tests.jobs import EXAMPLES
from examples.tests.played_gateway import URL, PlayedGateway


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journey, "POLL_SECONDS", 0.0)


@pytest.fixture
def screen() -> Console:
    return Console(file=io.StringIO(), width=160)


def text_of(screen: Console) -> str:
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def png(*levels: int) -> bytes:
    image = Image.new("L", (len(levels), 1))
    image.putdata(levels)
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


def row(before: str, attacked: str, restored: str) -> Row:
    return Row(
        name="digit-7-0001.png",
        original=png(0, 100, 255),
        adversarial=png(30, 70, 225),
        defended=png(0, 0, 255),
        before=Verdict(before, 0.99),
        attacked=Verdict(attacked, 0.6),
        restored=Verdict(restored, 0.7),
        distance_levels=30,
    )


def test_the_whole_road_ends_with_a_table_and_a_picture(tmp_path: Path, screen: Console) -> None:
    gateway = PlayedGateway()

    result = run_demo(URL, tmp_path / "out", console=screen, transport=gateway.transport)

    assert len(result.rows) == len(list((EXAMPLES / "demo" / "images").glob("*.png"))) == 10
    assert {(r.before.label, r.attacked.label, r.restored.label) for r in result.rows} == {
        ("7", "9", "7")
    }
    assert result.summary == (
        "The attack changed 10 of 10 labels; the defence brought 10 of them back."
    )
    with Image.open(tmp_path / "out" / "comparison.png") as picture:
        assert picture.width > picture.height > 500
    shown = text_of(screen)
    assert "digit-0-0078.png" in shown
    assert result.summary in " ".join(shown.split())


def test_the_pipeline_is_built_in_the_order_of_the_story(tmp_path: Path, screen: Console) -> None:
    gateway = PlayedGateway()

    run_demo(URL, tmp_path, console=screen, transport=gateway.transport)

    built = [(t["function"].rsplit("/")[-1], json.loads(t["arguments"])) for t in gateway.tasks]
    assert built == journey.PIPELINE
    # Enabled only when it is complete, and run only when it is enabled.
    order = [line for line in gateway.asked if "files" not in line and "jobs" not in line]
    assert order[-2:] == ["PATCH /api/v1/pipelines/1/", "POST /api/v1/runs/"]


def test_a_failed_job_shows_its_logs(tmp_path: Path, screen: Console) -> None:
    gateway = PlayedGateway(failing_job=1)

    with pytest.raises(DemoError) as failed:
        run_demo(URL, tmp_path, console=screen, transport=gateway.transport)

    assert str(failed.value) == (
        "job 2. FGSM ended as FAILED; its logs:\nline one\n[/broken] line two"
    )
    assert not (tmp_path / "comparison.png").exists()


def test_a_missing_module_is_named(tmp_path: Path, screen: Console) -> None:
    gateway = PlayedGateway(modules=["helloworld"])

    with pytest.raises(DemoError, match="has no module named digits: register the example"):
        run_demo(URL, tmp_path, console=screen, transport=gateway.transport)

    assert not any("files" in line for line in gateway.asked)


def test_a_run_that_nobody_works_on_ends_with_a_question(
    tmp_path: Path, screen: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journey, "RUN_SECONDS_MAX", 0.0)

    with pytest.raises(DemoError, match=r"PENDING, PENDING.*is a worker running"):
        run_demo(URL, tmp_path, console=screen, transport=PlayedGateway().transport)


def test_a_refused_request_is_told_with_its_reason(tmp_path: Path, screen: Console) -> None:
    gateway = PlayedGateway(registration_open=False)

    with pytest.raises(DemoError, match=r"POST /auth/registration/ answered 400: .*exists"):
        run_demo(URL, tmp_path, console=screen, transport=gateway.transport)


def test_the_command_says_in_one_sentence_that_no_gateway_is_there(tmp_path: Path) -> None:
    with socket.socket() as bound:
        # Bound but not listening: nobody else can take the port, and nobody answers on it.
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        done = subprocess.run(
            [sys.executable, "-m", "examples.demo", "--url", url, "--out", str(tmp_path)],
            cwd=EXAMPLES.parent,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"The demonstration stopped: no gateway answers at {url}:"
        " start the system with `make run`, or say where it is with --url\n"
    )


def test_the_distance_is_the_largest_change_of_any_pixel() -> None:
    assert distance_levels(png(0, 100, 255), png(30, 70, 224)) == 31
    assert distance_levels(png(5), png(5)) == 0


def test_an_image_is_saved_only_when_its_first_label_comes_back() -> None:
    rows = [row("7", "9", "7"), row("7", "9", "1"), row("7", "7", "7")]

    result = DemoResult("demo", URL, rows, Path("comparison.png"))

    assert [(r.fooled, r.saved) for r in rows] == [(True, True), (True, False), (False, False)]
    assert result.summary == "The attack changed 2 of 3 labels; the defence brought 1 of them back."


def test_the_table_shows_labels_confidence_and_distance(screen: Console) -> None:
    screen.print(table(DemoResult("demo", URL, [row("7", "9", "7")], Path("comparison.png"))))

    cells = [line for line in text_of(screen).splitlines() if "digit-7-0001.png" in line]
    assert len(cells) == 1
    assert [cell.strip() for cell in cells[0].strip("│").split("│")] == [
        "digit-7-0001.png",
        "7",
        "9",
        "7",
        "99% >  60% >  70%",
        "0.118 (30/255)",
    ]


@pytest.mark.parametrize("images", [1, 2, 3, 10])
def test_the_picture_has_room_for_every_image(images: int) -> None:
    picture = comparison([row("7", "9", "7")] * images)

    colours = {colour for _, colour in picture.getcolors(maxcolors=1 << 20) or []}
    assert {(26, 127, 55), (207, 34, 46)} <= colours
