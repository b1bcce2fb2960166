"""What a route of this service may ask for."""

from fastapi import Depends

from shared.auth import CallerDep, requires
from shared.errors import Forbidden

# Modules belong to nobody, so anybody who is signed in may read them, an execution worker too.
READER = Depends(requires("jobs:execute"))


def _administrator(caller: CallerDep) -> None:
    if not caller.is_staff:
        raise Forbidden


ADMINISTRATOR = Depends(_administrator)
