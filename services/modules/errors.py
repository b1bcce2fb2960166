"""What this service refuses by name."""

from shared.errors import NotFound


class ModuleNotFound(NotFound):
    """No module has this id or name."""


class Refused(Exception):
    """An operator's wish that cannot be met; the text says why, in one line."""


class RepositoryRefused(Refused):
    """The repository cannot be used."""


class NameRefused(Refused):
    """The name is taken, unknown, or none that a module can have."""
