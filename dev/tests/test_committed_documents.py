"""What a service promises is a file in its folder, and the file is true."""

import json
import re

import pytest

from dev.environment import ROOT
from dev.openapi import SERVICES, path_of, written

COMPATIBILITY = ROOT / "docs" / "reference" / "compatibility.md"


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
