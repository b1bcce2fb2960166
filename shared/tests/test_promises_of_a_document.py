"""The check that holds every answer against the document notices what the document lacks."""

import httpx
import pytest
from fastapi import FastAPI

from shared.testing.promises import Promises

ECHOES = "/api/v1/echoes/"
ECHO = {"name": "a", "loud": False, "files": []}


def answered(status: int, method: str = "POST", json: object = ECHO) -> httpx.Response:
    request = httpx.Request(method, f"http://mlsploit.test{ECHOES}")
    return httpx.Response(status, json=json, request=request)


async def test_a_promised_answer_is_let_through(app: FastAPI) -> None:
    await Promises(app)(answered(200))


async def test_a_status_that_is_not_documented_fails(app: FastAPI) -> None:
    with pytest.raises(AssertionError, match="post /api/v1/echoes/: 409 is not documented"):
        await Promises(app)(answered(409))


async def test_a_body_of_another_shape_fails(app: FastAPI) -> None:
    with pytest.raises(AssertionError, match="'loud' is a required property"):
        await Promises(app)(answered(200, json={"name": "a", "files": []}))


async def test_a_refusal_of_another_shape_fails(app: FastAPI) -> None:
    with pytest.raises(AssertionError, match="400 is documented otherwise"):
        await Promises(app)(answered(400, json={"error": "no"}))
