"""What a client may ask of the stream: whose changes, of which runs, from where on."""

from fastapi import Request

from services.runs.live import queries
from services.runs.live.replay import Feed
from services.runs.live.stream import Follower
from shared.auth import Caller
from shared.db import Database
from shared.errors import InvalidFields, NotFound
from shared.hyperlinks import ID_MAX
from shared.lists import ids_wanted
from shared.openapi import Extra

RESUME_HEADER = "Last-Event-ID"
NO_POSITION = "A position is the id of an event, a whole number."
ONE_OWNER = "Name one user."

_POSITION = {"type": "integer", "minimum": 0, "maximum": ID_MAX}
PARAMETERS: Extra = {
    "parameters": [
        {
            "name": RESUME_HEADER,
            "in": "header",
            "description": "The `id` of the last event seen: the stream goes on after it.",
            "schema": _POSITION,
        },
        {
            "name": "after",
            "in": "query",
            "description": "The same, for a first request. 0: from the oldest that is kept.",
            "schema": _POSITION,
        },
        {
            "name": "run",
            "in": "query",
            "description": "Only changes of these runs.",
            "style": "form",
            "explode": False,
            "schema": {"type": "array", "items": {"type": "integer", "minimum": 1}},
        },
        {
            "name": "owner",
            "in": "query",
            "description": "Whose changes; another than oneself is for administrators.",
            "schema": {"type": "integer", "minimum": 1},
        },
    ]
}


async def read_follower(request: Request, caller: Caller, database: Database) -> Follower:
    query = request.query_params
    # A client that was cut off repeats its first address, so the header is the later word.
    asked = _position("after", query.get("after"))
    resumed = _position(RESUME_HEADER, request.headers.get(RESUME_HEADER))
    after = asked if resumed is None else resumed
    owner_ids, run_ids = ids_wanted(query, "owner"), ids_wanted(query, "run")
    if owner_ids is not None and len(owner_ids) > 1:
        raise InvalidFields.of_field("owner", ONE_OWNER)
    # Numbers that can be no ids are dropped by now.
    if owner_ids == [] or run_ids == []:
        raise NotFound
    feed = Feed(caller.user_id if owner_ids is None else owner_ids[0], run_ids)
    if caller.only_owner not in (None, feed.owner_id):
        raise NotFound
    async with database.reading() as session:
        if run_ids and await queries.unknown_runs(session, feed.owner_id, run_ids):
            raise NotFound
    return Follower(caller, feed, after)


def _position(name: str, text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= ID_MAX):
        raise InvalidFields.of_field(name, NO_POSITION)
    return int(text)
