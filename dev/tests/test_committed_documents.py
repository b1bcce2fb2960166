"""What a service promises is a file in its folder, and the file is true."""

import json
import re

import pytest

from dev.environment import ROOT
from dev.openapi import SERVICES, path_of, written

COMPATIBILITY = ROOT / "docs" / "reference" / "compatibility.md"
DECISIONS = ROOT / "docs" / "decisions"


@pytest.mark.parametrize("service", SERVICES)
def test_the_committed_document_is_what_the_service_says(service: str) -> None:
    assert path_of(service).read_text(encoding="utf-8") == written(service), "run `make openapi`"


@pytest.mark.parametrize("service", SERVICES)
def test_every_endpoint_has_its_line_beside_those_of_the_original(service: str) -> None:
    page = COMPATIBILITY.read_text(encoding="utf-8")
    paths = json.loads(path_of(service).read_text(encoding="utf-8"))["paths"]
    named = {re.sub(r"{\w+_id}", "{id}", path): path for path in paths if path.count("/") > 1}

    assert [path for path in named if f"{path}`" not in page] == []
    assert named


def test_every_decision_has_its_own_number_and_stands_in_the_list_under_it() -> None:
    pages = sorted(page.name for page in DECISIONS.glob("0*.md"))
    listed = re.findall(r"^(\d+)\. \[.+\]\((.+)\)$", (DECISIONS / "README.md").read_text(), re.M)

    assert [name for _, name in listed] == pages
    assert [int(number) for number, _ in listed] == list(range(1, len(pages) + 1))
    assert [f"{int(number):04}" for number, _ in listed] == [name[:4] for name in pages]
