"""Reactions to what other services tell; all are safe to repeat."""

from sqlalchemy.ext.asyncio import AsyncSession

from services.pipelines import service
from shared.events.modules import ModuleRemoved, ModuleUpdated
from shared.events.users import UserDeleted
from shared.messaging.consumer import AnySubscription, Subscription


async def delete_pipelines_of_deleted_user(session: AsyncSession, event: UserDeleted) -> None:
    await service.delete_pipelines_of(session, event.user_id)


async def forget_functions_of_removed_module(session: AsyncSession, event: ModuleRemoved) -> None:
    await service.forget_functions(session, event.function_ids)


async def forget_functions_an_update_removed(session: AsyncSession, event: ModuleUpdated) -> None:
    await service.forget_functions(session, event.removed_function_ids)


ON_USER_DELETED = Subscription("delete-pipelines", UserDeleted, delete_pipelines_of_deleted_user)
ON_MODULE_REMOVED = Subscription(
    "forget-removed-module", ModuleRemoved, forget_functions_of_removed_module
)
ON_MODULE_UPDATED = Subscription(
    "forget-removed-functions", ModuleUpdated, forget_functions_an_update_removed
)

SUBSCRIPTIONS: tuple[AnySubscription, ...] = (
    ON_USER_DELETED,
    ON_MODULE_REMOVED,
    ON_MODULE_UPDATED,
)
