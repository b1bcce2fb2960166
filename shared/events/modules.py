"""What the modules service tells."""

from typing import ClassVar

from shared.events.base import Event


class ModuleRegistered(Event):
    type: ClassVar[str] = "modules.module.registered.v1"

    module_id: int
    name: str
    commit: str

    def about(self) -> str:
        return f"modules/{self.module_id}"


class ModuleUpdated(Event):
    """The module stands at another commit; functions that are gone are named."""

    type: ClassVar[str] = "modules.module.updated.v1"

    module_id: int
    name: str
    commit: str
    removed_function_ids: list[int]

    def about(self) -> str:
        return f"modules/{self.module_id}"


class ModuleRemoved(Event):
    type: ClassVar[str] = "modules.module.removed.v1"

    module_id: int
    name: str
    function_ids: list[int]

    def about(self) -> str:
        return f"modules/{self.module_id}"
