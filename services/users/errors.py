"""What this service refuses by name."""

from shared.errors import InvalidFields


class UsernameTaken(InvalidFields):
    def __init__(self) -> None:
        super().__init__({"username": ["A user with that username already exists."]})


class WrongPassword(InvalidFields):
    def __init__(self) -> None:
        super().__init__({"old_password": ["Invalid password"]})


class CannotLogIn(InvalidFields):
    """One text for a wrong name and a wrong password: neither is the caller's to learn."""

    def __init__(self) -> None:
        super().__init__({"non_field_errors": ["Unable to log in with provided credentials."]})
