"""Host names that are ours, and the address that a request came from."""

from ipaddress import ip_network

import pytest

from shared.hosts import client_address, is_among

PROXIES = [ip_network("10.0.0.0/8"), ip_network("::1/128")]
PEER = {"client": ("172.18.0.5", 4711)}


@pytest.mark.parametrize(
    ("name", "is_ours"),
    [
        ("api.example.org", True),
        ("api.example.org.", True),
        ("example.org", False),
        ("x.api.example.org", False),
        ("example.net", True),
        ("a.b.example.net", True),
        ("evilexample.net", False),
        ("[::1]", True),
    ],
)
def test_a_name_with_a_dot_first_stands_for_all_below_it(name: str, is_ours: bool) -> None:
    assert is_among(name, frozenset({"api.example.org", ".example.net", "[::1]"})) is is_ours


@pytest.mark.parametrize(
    ("forwarded", "client"),
    [
        ("", "172.18.0.5"),
        ("203.0.113.9", "203.0.113.9"),
        # The gateway's word about a client that is no proxy of ours; before it stands nothing.
        ("198.51.100.7, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 10.0.0.4", "203.0.113.9"),
        ("made up, 203.0.113.9, 10.9.9.9, 10.0.0.4", "203.0.113.9"),
        ("10.0.0.3, 10.0.0.4", "10.0.0.3"),
        ("made up, 10.0.0.4", "made up"),
        ("2001:db8::7, ::1", "2001:db8::7"),
    ],
)
def test_the_client_is_the_last_address_that_is_no_proxy_of_ours(
    forwarded: str, client: str
) -> None:
    assert client_address(PEER, forwarded, PROXIES) == client
