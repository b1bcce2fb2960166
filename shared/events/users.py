"""What the users service tells."""

from typing import ClassVar

from shared.events.base import Event


class UserRegistered(Event):
    type: ClassVar[str] = "users.user.registered.v1"

    user_id: int
    username: str

    def about(self) -> str:
        return f"users/{self.user_id}"


class UserDeleted(Event):
    """Everything this user owned, anywhere, goes."""

    type: ClassVar[str] = "users.user.deleted.v1"

    user_id: int

    def about(self) -> str:
        return f"users/{self.user_id}"
