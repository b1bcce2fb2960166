"""What a route of this service may ask for."""

from typing import Annotated

from fastapi import Depends

from shared.auth import Caller, requires
from shared.errors import Forbidden

# Modules belong to nobody, so anybody who is signed in may read them, an execution worker too.
READER = Depends(requires("modules:read", "jobs:execute"))
Writer = Annotated[Caller, Depends(requires("modules:write"))]


def _administrator(caller: Writer) -> None:
    if not caller.is_staff:
        raise Forbidden


ADMINISTRATOR = Depends(_administrator)
