"""What this service refuses by name."""

from shared.errors import Forbidden


class AdministratorsOwnNothing(Forbidden):
    """Administrators see and change what others own; a pipeline of theirs would have no files."""

    detail = "Administrators own no pipelines."
