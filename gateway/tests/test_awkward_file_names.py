"""A file's name travels percent-encoded, and no encoding leads out of its folder."""

import pytest

from gateway.tests.harness import Gateway, as_sent


@pytest.mark.parametrize(
    "name",
    [
        "100%25.png",
        "a%23b%3Fc%3Bd%26e.png",
        "b%252F..%252Fc",
        "%C3%A9t%C3%A9.txt",
        "with%20space+and%2Bplus",
        "it's%27(1)!*;v=2.png",
        "%22quoted%22",
    ],
)
def test_a_name_arrives_as_it_was_sent(gateway: Gateway, name: str) -> None:
    seen = as_sent(gateway, f"/media/files/slug/{name}")

    assert (seen["service"], seen["path"]) == ("files", f"/media/files/slug/{name}")


@pytest.mark.parametrize(
    "name",
    ["..%2f..%2finternal/x", "%2e%2e%2Fmetrics", "a%5cb", "%00", "a%00.png", "..%5C..%5Cx"],
)
def test_a_slash_backslash_or_nul_in_disguise_reaches_no_service(
    gateway: Gateway, name: str
) -> None:
    assert as_sent(gateway, f"/media/files/slug/{name}")["path"] == "/nowhere"


def test_a_semicolon_in_a_query_stays_in_its_value(gateway: Gateway) -> None:
    assert as_sent(gateway, "/api/v1/jobs/?a=1;b=2")["query"] == "a=1%3Bb=2"
