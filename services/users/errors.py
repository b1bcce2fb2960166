"""What this service refuses by name."""

from shared.errors import InvalidFields


class UsernameTaken(InvalidFields):
    def __init__(self) -> None:
        super().__init__({"username": ["A user with that username already exists."]})


class WeakPassword(InvalidFields):
    """Every fault of a proposed password, on the field it came in."""

    def __init__(self, field: str, faults: list[str]) -> None:
        super().__init__({field: faults})


class CannotLogIn(InvalidFields):
    """One text for a wrong name and a wrong password: neither is the caller's to learn."""

    def __init__(self) -> None:
        super().__init__({"non_field_errors": ["Unable to log in with provided credentials."]})
