"""What this service refuses by name."""

from collections.abc import Mapping

from shared.errors import (
    LINK_MISSING,
    ApiError,
    Forbidden,
    InvalidFields,
    NotFound,
    PayloadTooLarge,
    Unavailable,
)

NO_FILE = "No file was submitted."
EMPTY_FILE = "The submitted file is empty."
NOT_A_FILE = "The submitted data was not a file. Check the encoding type on the form."


class NoSuchLink(InvalidFields):
    """Missing and not visible look alike: existence is not the caller's to learn."""

    def __init__(self, field: str) -> None:
        super().__init__({field: [LINK_MISSING]})


class FileInUse(Forbidden):
    """A run needs it, or a job made it; the contract's text does not say which."""


class StorageAway(Unavailable):
    """The place for blobs does not answer, or refuses; `reason` is for operators alone."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason


class FileTooLarge(PayloadTooLarge):
    def __init__(self, bytes_max: int, headers: Mapping[str, str] | None = None):
        super().__init__(f"A file may have at most {bytes_max} bytes.", headers=headers)


class QuotaExceeded(PayloadTooLarge):
    def __init__(self, *, size: int, used: int, bytes_max: int):
        super().__init__(
            f"The file has {size} bytes, and its owner's files have {used} of the {bytes_max} "
            "that they may have."
        )


class NoRoom(ApiError):
    """Nothing of the upload is kept; files that are there are not touched."""

    status = 507
    detail = "The system has no room for this file."


class ContentLost(NotFound):
    """The file is known, but somebody has taken its content from the store."""

    detail = "The content of this file is lost."
