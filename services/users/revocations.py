"""The table outlives the bucket: what a lost NATS forgot is told again at every start."""

from fastapi import FastAPI

from services.users import queries, service
from shared.db import Database


async def restore_revocations(app: FastAPI) -> None:
    """Safe to repeat: an entry that is there already is written again with the same value."""
    database: Database = app.state.database
    async with database.transaction() as session:
        for token in await queries.list_revoked_tokens(session):
            await service.tell_revocation(
                session, f"token.{token.id}", token.expires_at.timestamp()
            )
