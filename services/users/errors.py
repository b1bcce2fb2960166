"""What this service refuses by name."""

from shared.errors import ApiError, InvalidFields


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


class TooManyFailures(ApiError):
    """Nothing was looked at: not even the right password is right now."""

    status = 429
    detail = "Too many failed logins; try again later."

    def __init__(self, *, seconds: int):
        detail = f"Too many failed logins; try again in {seconds} seconds."
        super().__init__(detail, headers={"Retry-After": str(seconds)})
