from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from shared.db import Database
from shared.paging import LIMIT_MAX, NOT_A_CURSOR, NOT_A_DATE, NOT_A_NUMBER, TOO_LARGE, TOO_SMALL
from shared.testing.peers import Peers
from shared.testing.tokens import Signer
from shared.tests.library import BOOKS, FIRST_DAY, add_books, build_library


@pytest.fixture
def build_service(database_url: str) -> Callable[[Path, Peers], FastAPI]:
    return partial(build_library, database_url=database_url)


@pytest.fixture
async def reader(
    client: httpx.AsyncClient, signer: Signer, database: Database
) -> httpx.AsyncClient:
    """Somebody who reads a library of seven books: a and b of one day, c and d of the next ..."""
    async with database.transaction() as session:
        for day, titles in enumerate(("ab", "cd", "ef", "g")):
            await add_books(session, *titles, at=FIRST_DAY + timedelta(days=day))
    client.headers.update(signer.headers())
    return client


async def titles(reader: httpx.AsyncClient, address: str) -> tuple[str, httpx.Response]:
    answer = await reader.get(address)
    assert answer.status_code == 200, answer.text
    return "".join(book["title"] for book in answer.json()), answer


async def walk(reader: httpx.AsyncClient, query: str) -> list[str]:
    """The titles on each page, from link to link."""
    pages, address = [], f"{BOOKS}?{query}"
    while address:
        page, answer = await titles(reader, address)
        pages.append(page)
        address = answer.links.get("next", {}).get("url", "")
    return pages


@pytest.mark.parametrize(
    ("query", "pages"),
    [
        ("", ["abcdefg"]),
        ("limit=", ["abcdefg"]),
        ("limit=7", ["abcdefg"]),
        ("limit=3", ["abc", "def", "g"]),
        ("limit=3&ordering=-id", ["gfe", "dcb", "a"]),
        ("limit=2&ordering=date_created", ["ab", "cd", "ef", "g"]),
        ("limit=3&ordering=-date_created", ["gfe", "dcb", "a"]),
        ("limit=1&ordering=date_created", list("abcdefg")),
        ("limit=2&created_after=2026-01-01&created_before=2026-01-04T00:00:00Z", ["cd", "ef"]),
        ("ordering=-id", ["gfedcba"]),
    ],
)
async def test_pages_follow_each_other_without_gap_or_repetition(
    reader: httpx.AsyncClient, query: str, pages: list[str]
) -> None:
    assert await walk(reader, query) == pages


async def test_what_comes_and_goes_meanwhile_moves_no_page(
    reader: httpx.AsyncClient, database: Database
) -> None:
    page, answer = await titles(reader, f"{BOOKS}?limit=3&ordering=-id")
    assert page == "gfe"
    await reader.delete(f"{BOOKS}5/")
    async with database.transaction() as session:
        await add_books(session, "h")
    assert (await titles(reader, answer.links["next"]["url"]))[0] == "dcb"


async def test_the_next_page_is_on_the_host_of_the_client_and_asks_the_same_question(
    reader: httpx.AsyncClient,
) -> None:
    asked = f"{BOOKS}?limit=1&owner=1%2C2&ordering=-id&owner=3"
    answer = await reader.get(asked, headers={"X-Forwarded-Host": "ui.test:8443"})
    url = httpx.URL(answer.links["next"]["url"])
    assert (url.host, url.port, url.path) == ("ui.test", 8443, BOOKS)
    kept = [pair for pair in url.params.multi_items() if pair[0] != "cursor"]
    assert sorted(kept) == [("limit", "1"), ("ordering", "-id"), ("owner", "1,2"), ("owner", "3")]


async def test_a_cursor_works_without_a_limit(reader: httpx.AsyncClient) -> None:
    _, answer = await titles(reader, f"{BOOKS}?limit=2")
    cursor = httpx.URL(answer.links["next"]["url"]).params["cursor"]
    assert (await titles(reader, f"{BOOKS}?cursor={cursor}"))[0] == "cdefg"


async def test_a_cursor_of_another_order_is_refused(reader: httpx.AsyncClient) -> None:
    _, answer = await titles(reader, f"{BOOKS}?limit=2")
    cursor = httpx.URL(answer.links["next"]["url"]).params["cursor"]
    refused = await reader.get(f"{BOOKS}?ordering=-id&cursor={cursor}")
    assert (refused.status_code, refused.json()) == (400, {"cursor": [NOT_A_CURSOR]})


@pytest.mark.parametrize(
    ("query", "faults"),
    [
        ("limit=0", {"limit": [TOO_SMALL]}),
        ("limit=-1", {"limit": [TOO_SMALL]}),
        (f"limit={LIMIT_MAX + 1}", {"limit": [TOO_LARGE]}),
        (f"limit={'9' * 5000}", {"limit": [TOO_LARGE]}),
        ("limit=ten", {"limit": [NOT_A_NUMBER]}),
        ("limit=1.5", {"limit": [NOT_A_NUMBER]}),
        ("limit=-", {"limit": [NOT_A_NUMBER]}),
        ("created_after=yesterday", {"created_after": [NOT_A_DATE]}),
        ("created_before=0001-01-01T00:00:00%2B05:00", {"created_before": [NOT_A_DATE]}),
        (
            "ordering=title&limit=x",
            {
                "ordering": ["Select a valid choice. title is not one of the available choices."],
                "limit": [NOT_A_NUMBER],
            },
        ),
    ],
)
async def test_every_parameter_that_makes_no_sense_is_named(
    reader: httpx.AsyncClient, query: str, faults: dict[str, Any]
) -> None:
    answer = await reader.get(f"{BOOKS}?{query}")
    assert (answer.status_code, answer.json()) == (400, faults)


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "====",
        "ü",
        "bnVsbA",  # null
        "WyJpZCIsMV0",  # ["id",1]
        "WyJpZCIsInh5IiwxXQ",  # ["id","xy",1]
        "WyJpZCIsMSx0cnVlXQ",  # ["id",1,true]
        "WyJpZCIsOTk5OTk5OTk5OTk5OTk5OTk5OTk5LDFd",  # ["id",999999999999999999999,1]
        "W1siaWQiXSwxLDFd",  # [["id"],1,1]
    ],
)
@pytest.mark.parametrize("ordering", ["id", "date_created"])
async def test_a_made_up_cursor_is_refused(
    reader: httpx.AsyncClient, cursor: str, ordering: str
) -> None:
    answer = await reader.get(BOOKS, params={"cursor": cursor, "ordering": ordering})
    assert (answer.status_code, answer.json()) == (400, {"cursor": [NOT_A_CURSOR]})


@pytest.mark.parametrize(
    ("moment", "younger"),
    [
        ("2026-01-02", "efg"),
        ("2026-01-02T00:00:00Z", "efg"),
        ("2026-01-02T01:00:00%2B02:00", "cdefg"),
        ("2026-01-02T01:00:00+02:00", "cdefg"),
        ("2026-01-01T23:59:59.999999", "cdefg"),
        ("9999-12-31", ""),
    ],
)
async def test_dates_are_read_with_and_without_time_and_zone(
    reader: httpx.AsyncClient, moment: str, younger: str
) -> None:
    assert (await titles(reader, f"{BOOKS}?created_after={moment}"))[0] == younger


async def test_credentials_are_judged_before_parameters(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{BOOKS}?limit=x")).status_code == 401


async def test_the_document_tells_what_a_list_understands(app: FastAPI) -> None:
    told = {each["name"]: each for each in app.openapi()["paths"][BOOKS]["get"]["parameters"]}
    assert {"limit", "cursor", "ordering", "created_after", "created_before"} <= set(told)
    assert told["limit"]["schema"]["maximum"] == LIMIT_MAX
    assert told["ordering"]["schema"]["enum"] == ["id", "-id", "date_created", "-date_created"]
