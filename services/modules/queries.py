"""Every SELECT of this service. Modules belong to nobody: whoever is signed in may read them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from services.modules.errors import ModuleNotFound
from services.modules.models import Function, Module
from shared.db import col, table_of
from shared.errors import NotFound
from shared.paging import Orders, Page
from shared.selections import Selection

MODULE_COLUMNS: tuple[Any, ...] = (
    col(Module.id),
    col(Module.name),
    col(Module.repo_url),
    col(Module.repo_branch),
    col(Module.commit),
    col(Module.display_name),
    col(Module.tagline),
    col(Module.doctxt),
    col(Module.config),
    col(Module.icon_url),
)
FUNCTION_COLUMNS: tuple[Any, ...] = (
    col(Function.id),
    col(Function.module_id),
    col(Function.name),
    col(Function.doctxt),
    col(Function.options),
    col(Function.creates_new_files),
    col(Function.modifies_input_files),
    col(Function.expected_filetype),
    col(Function.optional_filetypes),
    col(Function.output_tags),
    col(Function.timeout_seconds),
    col(Module.name).label("module_name"),
    col(Module.repo_url),
    col(Module.commit),
)
MODULES = Selection(select(*MODULE_COLUMNS))
FUNCTIONS = Selection(
    select(*FUNCTION_COLUMNS).join(table_of(Module), col(Module.id) == col(Function.module_id))
)
MODULE_ORDERS = Orders({"id": col(Module.id)}, created=col(Module.registered_at), default="-id")
# A function is as old as the module it came with.
FUNCTION_ORDERS = Orders({"id": col(Function.id)}, created=col(Module.registered_at), default="-id")


async def list_modules(
    session: AsyncSession, page: Page | None = None, *, ids: Sequence[int] | None = None
) -> Sequence[Any]:
    """Newest first, as the contract has it."""
    return await MODULES.rows(session, [(col(Module.id), ids)], page or Page(MODULE_ORDERS))


async def list_functions(
    session: AsyncSession,
    page: Page | None = None,
    *,
    ids: Sequence[int] | None = None,
    module_ids: Sequence[int] | None = None,
) -> Sequence[Any]:
    """Newest first, each with what is needed of its module."""
    narrowing = ((col(Function.id), ids), (col(Function.module_id), module_ids))
    return await FUNCTIONS.rows(session, narrowing, page or Page(FUNCTION_ORDERS))


async def get_module_row(session: AsyncSession, module_id: int) -> Any:
    rows = await list_modules(session, ids=[module_id])
    if not rows:
        raise ModuleNotFound
    return rows[0]


async def get_function_row(session: AsyncSession, function_id: int) -> Any:
    rows = await list_functions(session, ids=[function_id])
    if not rows:
        raise NotFound
    return rows[0]


async def get_module(session: AsyncSession, module_id: int) -> Module:
    module = await session.get(Module, module_id)
    if module is None:
        raise ModuleNotFound
    return module


async def find_by_name(session: AsyncSession, name: str) -> Module | None:
    return (await session.scalars(select(Module).where(col(Module.name) == name))).one_or_none()


async def functions_of(session: AsyncSession, module: Module) -> Sequence[Function]:
    """In the order of the definition that they came with."""
    statement = select(Function).where(col(Function.module_id) == module.id)
    return (await session.scalars(statement.order_by(col(Function.id)))).all()
