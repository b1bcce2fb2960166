"""What this service refuses by name."""

from shared.errors import LINK_MISSING, Forbidden, InvalidFields, Unavailable

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
