"""What others ask the users service."""

from shared.auth import Caller
from shared.clients.asking import ServiceClient


class UsersClient(ServiceClient):
    async def exists(self, user_id: int, *, caller: Caller) -> bool:
        """Whether there is such a user; only staff may ask about others."""
        rows = await self._get("/internal/users/", caller, {"id": str(user_id)})
        return any(row["id"] == user_id for row in rows)
