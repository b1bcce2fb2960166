"""When a token was used last: what all services tell now and then, written down for its owner."""

import orjson
from fastapi import FastAPI
from sqlalchemy import update
from sqlmodel import col

from services.users.models import Token
from shared.clock import utc_now
from shared.db import Database
from shared.messaging.broker import Broker
from shared.messaging.token_use import TOKENS_USED

IDS_PER_STATEMENT = 500


async def hear_used_tokens(app: FastAPI) -> None:
    database: Database = app.state.database
    broker: Broker = app.state.broker

    async def hear(payload: bytes) -> None:
        await note_use(database, orjson.loads(payload))

    await broker.listen(TOKENS_USED, hear)


async def note_use(database: Database, token_ids: list[str]) -> None:
    for at in range(0, len(token_ids), IDS_PER_STATEMENT):
        some = token_ids[at : at + IDS_PER_STATEMENT]
        statement = update(Token).where(col(Token.id).in_(some)).values(last_used_at=utc_now())
        async with database.transaction() as session:
            await session.execute(statement)
