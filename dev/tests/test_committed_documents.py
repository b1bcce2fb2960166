"""What a service promises is a file in its folder, and the file is true."""

import pytest

from dev.openapi import SERVICES, path_of, written


@pytest.mark.parametrize("service", SERVICES)
def test_the_committed_document_is_what_the_service_says(service: str) -> None:
    assert path_of(service).read_text(encoding="utf-8") == written(service), "run `make openapi`"
