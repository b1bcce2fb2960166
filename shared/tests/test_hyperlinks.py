import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.clients.resources import RESOURCES
from shared.hyperlinks import ID_MAX, Hyperlinks, id_of, parse_id, parse_link

NO_MATCH = "Invalid hyperlink - No URL match."
WRONG_MATCH = "Invalid hyperlink - Incorrect URL match."
MISSING = "Invalid hyperlink - Object does not exist."


@pytest.mark.parametrize(
    "reference",
    [
        "http://any.host:1234/api/v1/files/7/",
        "https://any.host/api/v1/files/7/",
        "/api/v1/files/7/",
        "/api/v1/files/7/?a=b#c",
        "/api/v1/files/7.json",
        "/api/v1/files/7.json/",
        "/api/v1/%66iles/%37/",
        "/api/v1/files/007/",
    ],
)
def test_only_the_path_of_a_reference_counts(reference: str) -> None:
    assert parse_link(reference, "files") == 7


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ("/api/v1/files/7", NO_MATCH),
        (" /api/v1/files/7/", NO_MATCH),
        ("/api/v1/files/7/ ", NO_MATCH),
        ("/api/v1/fi\nles/7/", NO_MATCH),
        ("api/v1/files/7/", NO_MATCH),
        ("7", NO_MATCH),
        ("/files/7/", NO_MATCH),
        ("/api/v1/nothing/7/", NO_MATCH),
        ("ftp://host/api/v1/files/7/", NO_MATCH),
        ("javascript:/api/v1/files/7/", NO_MATCH),
        ("http://[broken/api/v1/files/7/", NO_MATCH),
        ("", NO_MATCH),
        ("/api/v1/files/", WRONG_MATCH),
        ("/api/v1/runs/7/", WRONG_MATCH),
        ("/api/v1/files.json", WRONG_MATCH),
        ("/api/v1/", WRONG_MATCH),
        ("http://host/auth/user/", WRONG_MATCH),
        ("/api/v1/files/0/", MISSING),
        ("/api/v1/files/x/", MISSING),
        ("/api/v1/files/-1/", MISSING),
        ("/api/v1/files/٣/", MISSING),
        ("/api/v1/files/99999999999999999999/", MISSING),
        (f"/api/v1/files/{'9' * 10_000}/", MISSING),
    ],
)
def test_a_reference_that_names_nothing_is_told_why(reference: str, text: str) -> None:
    with pytest.raises(ValueError, match=f"^{text}$"):
        parse_link(reference, "files")


@given(st.sampled_from(RESOURCES), st.integers(min_value=1, max_value=ID_MAX))
def test_what_we_write_we_can_read(resource: str, item_id: int) -> None:
    url = Hyperlinks("http://mlsploit.test:8000").item(resource, item_id)
    assert parse_link(url, resource) == id_of(url) == item_id


@given(st.text(st.characters(exclude_categories=())))
def test_no_reference_is_too_strange_for_a_verdict(reference: str) -> None:
    with pytest.raises(ValueError, match="Invalid hyperlink"):
        parse_link(reference, "files")


def test_links_are_on_the_host_the_client_used() -> None:
    links = Hyperlinks("https://ui.example:8443")
    assert links.item("runs", 3) == "https://ui.example:8443/api/v1/runs/3/"
    assert links.path("/media/x") == "https://ui.example:8443/media/x"
    assert links.maybe("runs", None) is None


def test_an_id_is_within_the_databases_range() -> None:
    assert parse_id(str(ID_MAX)) == ID_MAX
    assert parse_id(str(ID_MAX + 1)) is None
